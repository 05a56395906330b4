"""One state per run: what a killed run needs to go on as if nothing was."""

from __future__ import annotations

import math
import os
import time
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from mmengine.dist import all_gather_object, get_world_size, is_main_process
from mmengine.runner.checkpoint import get_state_dict, weights_to_cpu

from mmgancomp.errors import ConfigError
from mmgancomp.registry import HOOKS

from . import rng
from .context import RunContext
from .damage import damage_named, name_damage
from .fingerprint import differences
from .plain import history_from_plain, history_to_plain, to_plain
from .record import count_parameters, versions, write_record
from .structure import recorded, saved
from .update import OptimizerUpdates

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapper
    from mmengine.runner import Runner

__all__ = ['KEY', 'Mechanism', 'RunState', 'SCHEMA']

KEY = 'mmgancomp'
_ATTRIBUTE = '_mmgancomp_state'
SCHEMA = 1


class Mechanism(Protocol):
    """What a hook or loop contributes to the run's state.

    ``key`` names its part of the checkpoint. ``settings`` is what must be
    the same when a run is resumed, as plain values. One that is not a hook
    says in ``config_key`` where a config has it.
    """

    key: str

    def settings(self) -> dict[str, Any]:
        """Resolved settings that a resumed run must share."""

    def state_dict(self) -> dict[str, Any]:
        """State as tensors, numbers, strings, lists and dicts."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take that state back, after weights and optimizers are loaded."""

    def summary(self) -> dict[str, dict[str, Any]]:
        """Entries for the record, by network name."""


class RunState:
    """Collects, writes and restores the state of all mechanisms of a run.

    There is exactly one per runner: :meth:`of` makes it when the first
    mechanism asks. It alone writes the checkpoint key ``mmgancomp`` and the
    record ``compression.json``.

    Attributes:
        runner: The run.
        context: Its model, networks and length.
        resumed: Whether the run goes on from a checkpoint.
        source: The checkpoint that it goes on from.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.context = RunContext.from_runner(runner)
        self.resumed, self.source = False, None
        self._mechanisms: dict[str, Mechanism] = {}
        self._updates: dict[str, OptimizerUpdates] = {}
        self._loaded: dict[str, Any] | None = None
        self._rng: list[dict[str, Any]] | None = None
        self._wall = 0.0
        self._since = time.monotonic()
        self._metrics: dict[str, float] = {}
        self._past: list[dict[str, Any]] = []
        self._round: int | None = None
        self._extra: dict[str, Any] = {}
        self._wrap_save()
        name_damage(self)
        # Counted from the first update on, whoever asks for a clock later.
        for key in dict.fromkeys(
                n.optimizer for n in self.context.networks.values()):
            self._updates[key] = OptimizerUpdates(self.context.wrappers[key])

    @staticmethod
    def find(runner: Runner) -> RunState | None:
        """The state of this run, or None if nothing of ours is in it."""
        return runner.__dict__.get(_ATTRIBUTE)

    @classmethod
    def of(cls, runner: Runner) -> RunState:
        """The state of this run, made on first use."""
        state = cls.find(runner)
        if state is None:
            state = runner.__dict__[_ATTRIBUTE] = cls(runner)
            state._register_hook()
        return state

    def _register_hook(self) -> None:
        """See to it that the run calls back, whatever the config names."""
        kind = HOOKS.get('RunStateHook')
        if not any(isinstance(hook, kind) for hook in self.runner.hooks):
            # A new list: somebody may be iterating over the old one.
            self.runner._hooks = list(self.runner._hooks)
            self.runner.register_hook(kind())

    def add(self, mechanism: Mechanism) -> None:
        """Register a mechanism.

        Raises:
            ConfigError: If its key is taken: the config has it twice.
        """
        if mechanism.key in self._mechanisms:
            raise ConfigError.at(
                f'default_hooks.{mechanism.key}',
                type(mechanism).__name__,
                'the config has two of these; merge them into one entry')
        self._mechanisms[mechanism.key] = mechanism

    def updates(self, optimizer: str) -> OptimizerUpdates:
        """Callbacks and clock of one optimizer, by its key."""
        return self._updates[optimizer]

    def companions(self) -> list[OptimWrapper]:
        """The companion optimizers of all networks."""
        return [c for u in self._updates.values() for c in u.companions]

    # -- saving ----------------------------------------------------------

    def _wrap_save(self) -> None:
        # Every rank calls save_checkpoint, but only rank 0 gets to the
        # hooks: what the others have to say must be collected before.
        save = self.runner.save_checkpoint

        def gather_then_save(*args: Any, **kwargs: Any) -> None:
            self._rng = all_gather_object(rng.capture())
            save(*args, **kwargs)
            self.write_record()

        self.runner.save_checkpoint = gather_then_save

    def before_save(self, checkpoint: dict[str, Any]) -> None:
        """Make the checkpoint stock, plain and complete."""
        model = self.context.model
        # Under DDP every name carries an extra ".module."; this is the
        # unwrapped model's own naming.
        checkpoint['state_dict'] = weights_to_cpu(get_state_dict(model))
        hub = checkpoint.get('message_hub', {})
        scalars = hub.get('log_scalars', {})
        checkpoint['message_hub'] = {**hub, 'log_scalars': {}}
        for key in ('meta', 'message_hub', 'optimizer', 'param_schedulers'):
            if key in checkpoint:
                checkpoint[key] = to_plain(checkpoint[key])
        checkpoint[KEY] = to_plain({
            'schema': SCHEMA,
            'world_size': get_world_size(),
            'settings': {
                key: mechanism.settings()
                for key, mechanism in self._mechanisms.items()
            },
            'clocks': {k: u.clock
                       for k, u in self._updates.items()},
            'accumulation': self._accumulation(),
            'rng': self._rng or [rng.capture()],
            'family': self.context.family.state(model),
            'message_hub': history_to_plain(scalars),
            'wall_s': self._seconds(),
            'models': self._past,
            **saved(self.context.networks.values()),
            **{
                key: mechanism.state_dict()
                for key, mechanism in self._mechanisms.items()
            }
        })

    def _accumulation(self) -> dict[str, Any]:
        """Where each optimizer stands between two updates."""
        state = {}
        for key, wrapper in self.context.wrappers.items():
            entry: dict[str, Any] = {'count': wrapper._inner_count}
            if wrapper._inner_count % wrapper._accumulative_counts:
                entry['gradients'] = [
                    None if p.grad is None else p.grad.detach().cpu()
                    for p in self._trained_with(key)
                ]
            state[key] = entry
        return state

    def _trained_with(self, key: str) -> list[torch.nn.Parameter]:
        """Parameters that accumulate gradients for one optimizer's step."""
        wrappers = [self.context.wrappers[key]]
        if key in self._updates:
            wrappers += self._updates[key].companions
        return [
            p for wrapper in wrappers
            for group in wrapper.optimizer.param_groups
            for p in group['params']
        ]

    # -- loading ---------------------------------------------------------

    def after_load(self, checkpoint: dict[str, Any]) -> None:
        """Keep our part of a checkpoint for :meth:`start`."""
        self._loaded = checkpoint.get(KEY)
        if self._loaded is None:
            return
        if not self.runner._resume:
            # Somebody's weights to start from: their run is not gone on
            # with, so nothing else of it matters.
            self._loaded = None
            return
        if checkpoint.get('optimizer') is None:
            raise ConfigError.at(
                'resume', self.runner._resume,
                'the checkpoint holds no optimizer state (it was saved with '
                'save_optimizer=False, or as a best one), so the run cannot '
                'go on where it was; resume from another checkpoint, or '
                'start a new run from its weights with load_from')
        if self._loaded.get('schema') != SCHEMA:
            raise ConfigError.at(
                f'checkpoint {KEY}.schema', self._loaded.get('schema'),
                f'this release reads {SCHEMA}; use the release that wrote '
                'the checkpoint, or start from its weights with load_from')
        hub = checkpoint.get('message_hub')
        if hub is not None:
            hub['log_scalars'] = history_from_plain(
                self._loaded['message_hub'])

    def start(self) -> None:
        """Restore everything of ours if this run is a resumed one."""
        self.resumed = bool(self.runner._resume and self.runner.iter > 0)
        loaded, self._loaded = self._loaded, None
        if not self.resumed:
            return
        if loaded is None:
            raise ConfigError.at(
                'resume', True,
                'the checkpoint was not written by a run with mmgancomp, so '
                'its masks and clocks are unknown; use load_from to start a '
                'new run from its weights')
        self._check_resumable(loaded)
        for key, clock in loaded['clocks'].items():
            self._updates[key].clock = index(clock)
        for key, entry in loaded['accumulation'].items():
            wrapper = self.context.wrappers[key]
            wrapper._inner_count = entry['count']
            for p, gradient in zip(
                    self._trained_with(key), entry.get('gradients', [])):
                p.grad = None if gradient is None else gradient.to(p.device)
        self.context.family.load_state(self.context.model, loaded['family'])
        self._wall = loaded['wall_s']
        self._past = loaded.get('models', [])
        for key, mechanism in self._mechanisms.items():
            mechanism.load_state_dict(loaded[key])
        self._rng = loaded['rng']

    def _check_resumable(self, loaded: dict[str, Any]) -> None:
        world = get_world_size()
        if loaded['world_size'] != world:
            raise ConfigError.at(
                'resume', True,
                f'the checkpoint is of a run with {loaded["world_size"]} '
                f'processes, this one has {world}; start as many, or use '
                'load_from to start a new run from its weights')
        settings = to_plain({
            key: mechanism.settings()
            for key, mechanism in self._mechanisms.items()
        })
        for path, was, now in differences(loaded['settings'], settings):
            raise ConfigError.at(
                self._config_key(path), now,
                f'the run to be resumed has {was!r}; put that back, or use '
                'load_from to start a new run from its weights')

    def _config_key(self, path: str) -> str:
        key, _, rest = path.partition('.')
        where = getattr(self._mechanisms[key], 'config_key',
                        f'default_hooks.{key}')
        return f'{where}.{rest}'

    def restore_rng(self) -> None:
        """Put the generators where the checkpoint found them."""
        if self._rng is not None:
            from mmengine.dist import get_rank
            with damage_named(self.source):
                rng.restore(self._rng[get_rank()])

    # -- the record ------------------------------------------------------

    def note_metrics(self, metrics: dict[str, float] | None) -> None:
        """Remember the latest validation's metrics for the record."""
        self._metrics = {
            key: float(value)
            for key, value in (metrics or {}).items()
            if _is_number(value)
        }

    def _seconds(self) -> float:
        return self._wall + time.monotonic() - self._since

    def write_record(self) -> None:
        """Write ``compression.json`` into the work folder, on rank 0."""
        if is_main_process():
            write_record(Path(self.runner.work_dir), self.record())

    def open_round(self, number: int, **extra: Any) -> None:
        """From now on the record's latest model is that of this round.

        Args:
            number: The round.
            extra: More about it, as plain values.
        """
        self._round, self._extra, self._metrics = number, extra, {}

    def close_round(self, **extra: Any) -> None:
        """Keep the model as it is now in the record, for good.

        Args:
            extra: More about it, as plain values.
        """
        # A copy: what mechanisms tell may be lists that they go on with.
        self._past.append(to_plain({**self._model(), **extra}))
        self._round = None

    def closed(self, number: int) -> bool:
        """Whether a round is in the record already."""
        return any(model['round'] == number for model in self._past)

    def _model(self) -> dict[str, Any]:
        runner, context = self.runner, self.context
        summaries: dict[str, dict[str, Any]] = {}
        for mechanism in self._mechanisms.values():
            for name, entry in mechanism.summary().items():
                summaries.setdefault(name, {}).update(entry)
        model: dict[str, Any] = {'name': runner.experiment_name}
        if self._round is not None:
            model['round'] = self._round
        model |= {
            **self._extra,
            'metrics': self._metrics,
            'networks': {
                name: {
                    **count_parameters(network.module),
                    **recorded(network),
                    **summaries.get(name, {})
                }
                for name, network in context.networks.items()
            }
        }
        if runner.cfg.filename:
            model['name'] = Path(runner.cfg.filename).stem
        last = runner.message_hub.runtime_info.get('last_ckpt')
        if last and Path(last).is_file():
            model['checkpoint'] = os.path.relpath(last, runner.work_dir)
        return model

    def record(self) -> dict[str, Any]:
        """The document that :meth:`write_record` writes."""
        runner, context = self.runner, self.context
        device = next(context.model.parameters()).device
        models = list(self._past)
        if not models or self._round is not None:
            models.append(self._model())
        return {
            'config': Path(runner.cfg.filename or '').name,
            'run': {
                'seed': context.seed,
                'updates': {
                    name: self._updates[network.optimizer].clock
                    for name, network in context.networks.items()
                },
                'versions': versions(),
                'device': str(device),
                'dtype': str(torch.get_default_dtype()).removeprefix(
                    'torch.'),
                'wall_s': round(self._seconds(), 3)
            },
            'models': models
        }


def _is_number(value: Any) -> bool:
    """Whether JSON can hold it; a diverged run has metrics that it can't."""
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, RuntimeError):
        return False

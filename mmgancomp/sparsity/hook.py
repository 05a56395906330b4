"""The hook that prunes networks while MMagic trains them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mmengine.logging import MessageHub, print_log

from mmgancomp.families.base import Network
from mmgancomp.registry import HOOKS
from mmgancomp.runtime.agreement import check_ranks_agree
from mmgancomp.runtime.averages import restart_average
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.state import RunState
from mmgancomp.runtime.update import Phase

from .allocation import Global
from .masked import MaskedNetwork
from .settings import Settings, build_masked, read_settings
from .zeros import keeps_zeros

__all__ = ['SparsityHook']

KEY = 'default_hooks.sparsity'


@dataclass
class _Pruned:
    """One network under this hook."""

    network: Network
    settings: Settings
    masked: MaskedNetwork
    ticks: frozenset[int]
    optimizer: Any = None
    active: bool = False
    changed: bool = False
    history: list[list[float]] = field(default_factory=list)

    def decide(self, update: int) -> None:
        """Change the masks if this is a tick."""
        self.changed = update in self.ticks
        if not self.changed:
            return
        self.settings.schedule.change(
            self.masked, update, self.optimizer, **self.ranking)
        self.note(update)

    @property
    def ranking(self) -> dict[str, Any]:
        """What a schedule needs to know to rank weights."""
        settings = self.settings
        return dict(
            criterion=settings.criterion,
            allocation=settings.allocation,
            source=(self.network.ema
                    if settings.score_source == 'ema' else None))

    def begin_round(self, number: int, update: int) -> None:
        """Change the masks between two rounds, if that is their time."""
        self.changed = self.settings.schedule.by_rounds
        if self.changed:
            self.settings.schedule.change(
                self.masked, number, self.optimizer, **self.ranking)
            self.note(update)

    def note(self, update: int) -> None:
        """Keep the density for the log and the record."""
        density = self.masked.density
        self.active = density < 1
        self.history.append([update, density])
        MessageHub.get_current_instance().update_scalar(
            f'train/sparsity/{self.network.name}', 1 - density)


@HOOKS.register_module()
class SparsityHook(CompressionHook):
    """Keeps pruned weights at zero while a GAN trains.

    Declared by name under ``default_hooks``::

        default_hooks = dict(sparsity=dict(
            type='mmgancomp.SparsityHook',
            networks=dict(generator=dict(density=0.1, schedule='AGP'))))

    Args:
        networks: Options per network. The key is a role, ``'generator'`` or
            ``'discriminator'``, and then means every network of that role;
            or an exact name such as ``'generators.photo'``, which is
            stronger. Options of one network, all but the first optional:

            * ``density``: kept ÷ maskable, in (0, 1].
            * ``schedule``: name or dict of a
              :class:`~mmgancomp.sparsity.schedule.Schedule`; ``'OneShot'``
              by default, at the start.
            * ``criterion``: ``'magnitude'`` or ``'random'``.
            * ``allocation``: ``'global'``, ``'uniform'`` or ``'erk'``.
            * ``granularity``: ``'element'``, ``'row'``, ``'kernel'``,
              ``'filter'`` or ``'n:m'``.
            * ``layers``: ``dict(include=[…], exclude=[…])``, globs on
              parameter names; all convolutions by default.
            * ``score_source``: ``'live'`` or ``'ema'``: whose weights are
              ranked.

            What is left out or None takes the value of the schedule's
            paper.
    """

    key = 'sparsity'

    def __init__(self, networks: dict[str, Any] | None = None,
                 **unknown: Any) -> None:
        self._networks, self._unknown = networks, unknown
        self._pruned: dict[str, _Pruned] = {}

    def prepare(self, context: RunContext) -> None:
        self.check_networks(
            self._networks, self._unknown,
            'say which networks to prune, and how far: for example '
            'dict(generator=dict(density=0.1))')
        self._weights_known = context.weights_known
        selected = context.select(self._networks, f'{KEY}.networks')
        for name, options in selected.items():
            network = context.networks[name]
            settings = read_settings(
                options.values, options.key, name, network.module,
                context.family, context.updates(network.optimizer),
                context.seed, network.ema is not None, context.rounds)
            masked = build_masked(settings, network.module, options.key)
            optimizer = context.wrappers[network.optimizer].optimizer
            settings.schedule.suits(settings, masked, optimizer, options.key)
            self._pruned[name] = _Pruned(network, settings, masked,
                                         frozenset(settings.schedule.ticks()),
                                         optimizer)

    def attach(self, state: RunState) -> None:
        for pruned in self._pruned.values():
            updates = state.updates(pruned.network.optimizer)
            updates.on_gradient(_gradients(pruned))
            updates.on_update(Phase.DECIDE, pruned.decide)
            updates.on_update(
                Phase.WEIGHTS, _weights(pruned, updates.wrapper.optimizer))
            updates.on_update(
                Phase.MOMENTS, _moments(pruned, updates.wrapper.optimizer))
            updates.on_update(Phase.EMA, _ema(pruned))
            updates.on_update(Phase.DIGEST, _digest(pruned))

    def begin(self, state: RunState) -> None:
        if state.resumed:
            return
        for pruned in self._pruned.values():
            pruned.decide(0)
            if pruned.changed and pruned.settings.schedule.sets_values:
                restart_average(state.context.model, pruned.network)
            _ema(pruned)(0)
            _digest(pruned)(0)

    def begin_round(self, number: int, state: RunState) -> None:
        """Prune what is pruned between rounds."""
        for pruned in self._pruned.values():
            pruned.begin_round(
                number, state.updates(pruned.network.optimizer).clock)
            _digest(pruned)(0)

    def networks(self) -> dict[str, MaskedNetwork]:
        """The networks that this hook masks, by name."""
        return {name: p.masked for name, p in self._pruned.items()}

    def brings_values(self) -> str | None:
        """A network whose schedule gives it other weights, if there is one."""
        return next((name for name, p in self._pruned.items()
                     if p.settings.schedule.sets_values), None)

    def prunes_by_rounds(self) -> bool:
        """Whether a network is pruned between the rounds of the run."""
        return any(p.settings.schedule.by_rounds
                   for p in self._pruned.values())

    def after_train_iter(self, runner: Any, batch_idx: int,
                         data_batch: Any = None,
                         outputs: Any = None) -> None:
        if self.is_last_train_iter(runner):
            self._finish(RunState.of(runner))

    def _finish(self, state: RunState) -> None:
        """Reach the final density although AMP has skipped updates.

        A skipped step is no tick of the clock, so a schedule that lasts to
        the end of the run would stop short of its last change.
        """
        for name, pruned in self._pruned.items():
            updates = state.updates(pruned.network.optimizer)
            last = max(pruned.ticks, default=0)
            # Masks that move have their density, and nothing to grow by.
            if updates.clock >= last or not pruned.settings.schedule.static:
                continue
            print_log(
                f'{name}: {updates.clock} updates were made instead of '
                f'{pruned.settings.total} (the others overflowed), so the '
                f'change of masks at update {last} is made now',
                logger='current')
            pruned.decide(last)
            _moments(pruned, updates.wrapper.optimizer)(last)
            _ema(pruned)(last)
            _digest(pruned)(last)

    def before_val(self, runner: Any) -> None:
        # Somebody else's hook may have written into the weights.
        for pruned in self._pruned.values():
            if pruned.active:
                pruned.masked.apply_()

    def settings(self) -> dict[str, Any]:
        return {'networks': {n: _settings(p)
                             for n, p in self._pruned.items()}}

    def state_dict(self) -> dict[str, Any]:
        return {
            name: {
                'masks': pruned.masked.state_dict(),
                'schedule': {
                    'history': pruned.history
                }
            }
            for name, pruned in self._pruned.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, pruned in self._pruned.items():
            pruned.masked.load_state_dict(state[name]['masks'])
            pruned.history = state[name]['schedule']['history']
            pruned.active = pruned.masked.density < 1
            _digest(pruned, always=True)(0)

    def summary(self) -> dict[str, dict[str, Any]]:
        return {
            name: {
                'maskable': pruned.masked.maskable,
                'kept': pruned.masked.survivors,
                'density': pruned.masked.density,
                'granularity': pruned.masked.granularity.name,
                'history': pruned.history,
                'layers': [{
                    'name': layer,
                    'params': mask.numel(),
                    'kept': int(mask.count_nonzero())
                } for layer, mask in pruned.masked.masks.items()]
            }
            for name, pruned in self._pruned.items()
        }

    def describe(self) -> list[dict[str, Any]]:
        return [
            _plan(name, p, self._weights_known)
            for name, p in self._pruned.items()
        ]


def _plan(name: str, pruned: _Pruned, weights_known: bool) -> dict[str, Any]:
    """What will happen to a network; prunes it, fresh as it is."""
    settings, masked = pruned.settings, pruned.masked
    known = weights_known or not settings.schedule.weights_needed
    rounds = settings.schedule.preview(
        masked, **pruned.ranking) if known else []
    return {
        'mechanism': SparsityHook.key,
        'network': name,
        'schedule': type(settings.schedule).__name__,
        'criterion': type(settings.criterion).__name__,
        'allocation': type(settings.allocation).__name__,
        'granularity': settings.granularity.name,
        'density': settings.density,
        'maskable': masked.maskable,
        'kept': masked.survivors if known else None,
        'exact_layers': not isinstance(settings.allocation, Global),
        'updates': settings.total,
        'ticks': settings.schedule.ticks(),
        'kept_by_round': rounds,
        'layers': [{
            'name': layer,
            'params': mask.numel(),
            'kept': int(mask.count_nonzero()) if known else None
        } for layer, mask in masked.masks.items()]
    }


def _settings(pruned: _Pruned) -> dict[str, Any]:
    settings = pruned.settings
    return {
        'density': settings.density,
        'granularity': settings.granularity.name,
        'criterion': {
            'type': type(settings.criterion).__name__,
            **vars(settings.criterion)
        },
        'allocation': type(settings.allocation).__name__,
        'score_source': settings.score_source,
        'layers': [layer.name for layer in settings.layers],
        'schedule': settings.schedule.settings()
    }


def _gradients(pruned: _Pruned) -> Any:

    def mask() -> None:
        if pruned.active and pruned.settings.schedule.static:
            pruned.masked.mask_gradients_()

    return mask


def _weights(pruned: _Pruned, optimizer: Any) -> Any:
    # With gradient and moments at zero most optimizers leave a zero weight
    # alone; then another pass over all weights at each step buys nothing.
    stay = pruned.settings.schedule.static and keeps_zeros(optimizer)

    def mask(update: int) -> None:
        # A change of masks has zeroed the weights already.
        if pruned.active and not (stay or pruned.changed):
            pruned.masked.apply_()

    return mask


def _moments(pruned: _Pruned, optimizer: Any) -> Any:

    def forget(update: int) -> None:
        if pruned.changed and pruned.settings.schedule.static:
            pruned.masked.mask_moments_(optimizer)

    return forget


def _ema(pruned: _Pruned) -> Any:

    def follow(update: int) -> None:
        if pruned.changed and pruned.network.ema is not None:
            pruned.masked.apply_to_(pruned.network.ema)

    return follow


def _digest(pruned: _Pruned, always: bool = False) -> Any:

    def compare(update: int) -> None:
        if pruned.changed or always:
            check_ranks_agree(f'masks of {pruned.network.name}',
                              pruned.masked.digest)

    return compare

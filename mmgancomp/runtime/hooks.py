"""The hook that keeps a run's state, and the base of our other hooks."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from mmengine.hooks import Hook
from mmengine.runner.base_loop import BaseLoop

from mmgancomp.errors import ConfigError, check_options
from mmgancomp.registry import HOOKS

from . import rng
from .context import RunContext
from .damage import check_optimizers, damage_named
from .entries import check_hooks
from .state import RunState
from .weights import check_some_fit

if TYPE_CHECKING:
    from mmengine.runner import Runner

__all__ = ['CompressionHook', 'RunStateHook', 'is_training']


def is_training(runner: Runner) -> bool:
    """Whether ``runner.train()`` is under way, not ``val()`` or ``test()``."""
    return isinstance(runner._train_loop, BaseLoop)


@HOOKS.register_module()
class RunStateHook(Hook):
    """Saves and restores the state of a run; writes ``compression.json``.

    Every hook of this package brings it along. A config whose only piece of
    ours is a network builder names it::

        default_hooks = dict(compression=dict(type='mmgancomp.RunStateHook'))
    """

    # Before the checkpoint hook, so that its `before_train` has restored
    # everything when others look.
    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        if is_training(runner):
            RunState.of(runner)

    def before_train(self, runner: Runner) -> None:
        state = RunState.of(runner)
        with damage_named(state.source):
            state.start()
        if state.resumed:
            _restore_before_first_batch(runner, state)

    def before_save_checkpoint(self, runner: Runner,
                               checkpoint: dict) -> None:
        RunState.of(runner).before_save(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        state = RunState.find(runner)
        if state is None:
            return
        check_some_fit(state.context.model, checkpoint,
                       'resume' if state.source else 'load_from',
                       state.source or runner._load_from)
        if state.source:
            check_optimizers(checkpoint, state.context.wrappers)
        state.after_load(checkpoint)

    # Validation draws noise. Training must not depend on whether a
    # validation lies between a checkpoint and the next iteration.
    def before_val(self, runner: Runner) -> None:
        self._rng = rng.capture()

    def after_val(self, runner: Runner) -> None:
        rng.restore(self._rng)

    def after_val_epoch(self, runner: Runner,
                        metrics: dict[str, float] | None = None) -> None:
        state = RunState.find(runner)
        if state is not None:
            state.note_metrics(metrics)
            state.write_record()

    def after_train(self, runner: Runner) -> None:
        RunState.of(runner).write_record()


def _restore_before_first_batch(runner: Runner, state: RunState) -> None:
    """Restore the generators when the batches already used are skipped.

    Skipping draws random numbers (augmentation), and so does the first real
    batch: the moment in between is the only right one.
    """
    loop = runner.train_loop
    inner = getattr(loop, 'dataloader_iterator', None)
    if inner is None:
        state.restore_rng()
    else:
        loop.dataloader_iterator = _SkipThenRestore(inner, runner.iter, state)


class _SkipThenRestore:
    """Iterator proxy that restores the generators after ``skip`` items."""

    def __init__(self, inner: Any, skip: int, state: RunState) -> None:
        self._inner, self._left, self._state = inner, skip, state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __iter__(self) -> _SkipThenRestore:
        return self

    def __next__(self) -> Any:
        if self._left == 0:
            self._state.restore_rng()
        self._left -= 1
        return next(self._inner)


class CompressionHook(Hook):
    """Base of hooks that compress: checks first, then joins the run.

    A subclass says what it needs in :meth:`prepare`, which ``mmgancomp
    plan`` calls as well; so a config that plans without an error also
    starts. :meth:`attach` hangs callbacks on the optimizers, and
    :meth:`begin` acts once weights are loaded and state is restored.

    Attributes:
        key: Name under ``default_hooks`` and in the checkpoint.
    """

    key: ClassVar[str]
    priority = 'HIGH'

    @abstractmethod
    def prepare(self, context: RunContext) -> None:
        """Check all settings against the run and build what they name.

        Raises:
            ConfigError: With the key, the value and what would be right.
        """

    def check(self, context: RunContext) -> None:
        """Check what depends on other mechanisms; all have prepared.

        Raises:
            ConfigError: As in :meth:`prepare`.
        """

    @abstractmethod
    def attach(self, state: RunState) -> None:
        """Hang callbacks on the optimizers of the run."""

    @abstractmethod
    def begin(self, state: RunState) -> None:
        """Act before the first iteration, weights and state in place."""

    @abstractmethod
    def describe(self) -> list[dict[str, Any]]:
        """Rows for ``mmgancomp plan``."""

    def begin_round(self, number: int, state: RunState) -> None:
        """Act where a run of rounds starts again.

        Args:
            number: The round, from 1; the weights are still those that the
                one before has ended with.
            state: The run.
        """

    def settings(self) -> dict[str, Any]:
        """Resolved settings that a resumed run must share."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """State for the checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take state back."""

    def summary(self) -> dict[str, dict[str, Any]]:
        """Entries for the record, by network name."""
        return {}

    def check_networks(self, networks: Any, unknown: dict[str, Any],
                       remedy: str) -> None:
        """Check the form of a hook whose one option is ``networks``.

        Args:
            networks: What the config gives there.
            unknown: What it gives besides.
            remedy: What to write where there are no networks.

        Raises:
            ConfigError: There is another option, or none.
        """
        key = f'default_hooks.{self.key}'
        check_options(key, unknown, ['networks'])
        if not isinstance(networks, dict) or not networks:
            raise ConfigError.at(f'{key}.networks', networks, remedy)

    def before_run(self, runner: Runner) -> None:
        if not is_training(runner):
            return
        # Not every training script has looked at the config before.
        check_hooks(runner.cfg)
        state = RunState.of(runner)
        self.prepare(state.context)
        state.add(self)
        self.attach(state)

    def before_train(self, runner: Runner) -> None:
        state = RunState.of(runner)
        self.check(state.context)
        self.begin(state)

"""The order of one update: everything of ours that hangs on an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from mmengine.optim import OptimWrapper

__all__ = ['OptimizerUpdates', 'Phase']


class Phase(IntEnum):
    """What happens after an optimizer step, in this order."""

    COMPANIONS = 0
    """Companion optimizers step."""
    DECIDE = 1
    """Prune, drop and grow, from this step's averaged gradient."""
    WEIGHTS = 2
    """Pruned weights go back to zero."""
    MOMENTS = 3
    """The optimizer forgets what the masks' change has made stale."""
    EMA = 4
    """The EMA copy follows a change of masks."""
    GATES = 5
    """Gates are binarised."""
    DIGEST = 6
    """Ranks compare masks that changed."""


class OptimizerUpdates:
    """Runs callbacks around the steps of one optimizer, and counts them.

    A step that mixed precision skips runs none of them and is not counted.
    The counter is the clock of every schedule: one tick is one real update.

    Args:
        wrapper: The optimizer wrapper to attach to. The attachment lasts as
            long as the optimizer, whatever is loaded into it.

    Attributes:
        clock: Updates made so far, over the whole run.
        companions: Optimizer wrappers that step with this one.
    """

    def __init__(self, wrapper: OptimWrapper) -> None:
        self.wrapper = wrapper
        self.clock = 0
        self.companions: list[OptimWrapper] = []
        self._gradient: list[Callable[[], None]] = []
        self._phases: dict[Phase, list[Callable[[int], None]]] = {
            phase: []
            for phase in Phase
        }
        optimizer = wrapper.optimizer
        optimizer.register_step_pre_hook(self._before_step)
        optimizer.register_step_post_hook(self._after_step)
        self._clipped = False
        if wrapper.clip_grad_kwargs:
            clip = wrapper._clip_grad

            def mask_then_clip() -> None:
                # Clipping must see the gradient that the step will use, and
                # under AMP it has just been unscaled here.
                self._run_gradient()
                self._clipped = True
                clip()

            wrapper._clip_grad = mask_then_clip

    def on_gradient(self, callback: Callable[[], None]) -> None:
        """Call back when gradients are final, before clipping."""
        self._gradient.append(callback)

    def on_update(self, phase: Phase,
                  callback: Callable[[int], None]) -> None:
        """Call back after each update, with the clock, in phase order."""
        self._phases[phase].append(callback)

    def _run_gradient(self) -> None:
        for callback in self._gradient:
            callback()

    def _before_step(self, *_: Any) -> None:
        if self._clipped:
            self._clipped = False
        else:
            self._run_gradient()

    def _after_step(self, optimizer: Any, *_: Any) -> None:
        # Fused optimizers are called even when AMP skips the step.
        found_inf = getattr(optimizer, 'found_inf', None)
        if found_inf is not None and found_inf.item():
            return
        self.clock += 1
        for callbacks in self._phases.values():
            for callback in callbacks:
                callback(self.clock)

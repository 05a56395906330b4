"""Where a turn of training ends: a model hands its loss to the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.optim import OptimWrapper
from torch import Tensor

__all__ = ['Turn', 'watch']

Change = Callable[[Tensor, bool], Tensor]
"""``change(loss, last)``: what is optimised in a loss's stead. A turn may
hand over several losses, of which one is the last."""


class Turn:
    """One network's turn, whose losses may be changed.

    Args:
        wrapper: The optimizer wrapper.
        change: Changes the losses.
        finish: Called when the last loss of a turn has had its backward.
        trains: Whether updates are made at all.
    """

    def __init__(self, wrapper: OptimWrapper, change: Change,
                 finish: Callable[[], None], trains: bool) -> None:
        self._change, self._finish = change, finish
        self._trains = trains
        self._wrap(wrapper)

    def _wrap(self, wrapper: OptimWrapper) -> None:
        self._update = wrapper.update_params
        wrapper.update_params = self._update_params

    def _update_params(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        if self._trains:
            self._update(self._change(loss, True), *args, **kwargs)
        self._finish()


class SeparateLosses(Turn):
    """A turn that calls ``backward`` for each of its losses, then steps.

    What a term looks at may belong to a loss whose backward is over, so the
    graphs of all but the last one are kept until then.

    Args:
        losses: How many there are.
    """

    def __init__(self, *args: Any, losses: int) -> None:
        self._losses, self._seen = losses, 0
        super().__init__(*args)

    def _wrap(self, wrapper: OptimWrapper) -> None:
        self._scale, self._back = wrapper.scale_loss, wrapper.backward
        wrapper.scale_loss, wrapper.backward = self._scale_loss, self._backward
        if not self._trains:
            wrapper.should_update = lambda: False

    @property
    def _last(self) -> bool:
        return self._seen == self._losses

    def _scale_loss(self, loss: Tensor) -> Tensor:
        self._seen += 1
        if self._trains:
            loss = self._change(loss, self._last)
        return self._scale(loss)

    def _backward(self, loss: Tensor, **kwargs: Any) -> None:
        if self._trains:
            if not self._last:
                kwargs['retain_graph'] = True
            self._back(loss, **kwargs)
        if self._last:
            self._seen = 0
            self._finish()


def watch(wrapper: OptimWrapper, change: Change, finish: Callable[[], None],
          trains: bool, losses: int) -> Turn:
    """Change the losses that a wrapper is handed, from now on.

    Args:
        wrapper: The optimizer wrapper.
        change: Changes the losses.
        finish: Called at the end of each turn.
        trains: Whether updates are made at all.
        losses: Losses per turn; a single one goes to ``update_params``.
    """
    if losses == 1:
        return Turn(wrapper, change, finish, trains)
    return SeparateLosses(wrapper, change, finish, trains, losses=losses)

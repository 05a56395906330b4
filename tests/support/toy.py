"""A mechanism small enough to work out by hand: one helper, one loss term."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mmgancomp.registry import HOOKS
from mmgancomp.runtime.companion import build_companion
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.state import RunState
from mmgancomp.runtime.update import Phase

__all__ = ['ToyHook']


@HOOKS.register_module(force=True)
class ToyHook(CompressionHook):
    """Adds ``weight · helper² / 2`` to the loss of the owner.

    With momentum-free SGD an update multiplies the helper by
    ``1 - lr · weight``.

    Args:
        lr: Learning rate of the helper.
        momentum: Its momentum.
        owner: The optimizer that the helper follows.

    Attributes:
        helper: The helper parameter, 1 at the start.
        weights: The term's weight in each of the owner's updates.
        lives: The helper after each of them.
        empty: For each of them, whether an optimizer had no moments when
            its loss came in.
    """

    key = 'toy'

    def __init__(self, lr: float = 0.5, momentum: float = 0.,
                 owner: str = 'generator') -> None:
        self.owner = owner
        self.weight = 1.
        self.helper = nn.Parameter(torch.ones(2))
        self.companion = build_companion(
            [self.helper], dict(type='SGD', lr=lr, momentum=momentum),
            'default_hooks.toy.optimizer')
        self.weights: list[float] = []
        self.lives: list[float] = []
        self.empty: list[bool] = []

    def prepare(self, context: RunContext) -> None:
        context.terms['toy'] = self._set

    def _set(self, weight: float) -> None:
        self.weight = weight

    def attach(self, state: RunState) -> None:
        updates = state.updates(self.owner)
        self.companion.follow(updates)
        updates.on_update(Phase.DIGEST, self._note)
        wrapper, inner = updates.wrapper, updates.wrapper.update_params

        def with_term(loss: torch.Tensor, *args: Any, **kwargs: Any) -> None:
            self._used = self.weight
            self.empty.append(not wrapper.optimizer.state)
            inner(loss + self.weight * self.helper.square().sum() / 2, *args,
                  **kwargs)

        wrapper.update_params = with_term

    def _note(self, update: int) -> None:
        self.weights.append(self._used)
        self.lives.append(self.helper[0].item())

    def begin(self, state: RunState) -> None:
        pass

    def describe(self) -> list[dict[str, Any]]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return dict(helper=self.helper.detach().clone(),
                    companion=self.companion.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            self.helper.copy_(state['helper'])
        self.companion.load_state_dict(state['companion'])

"""The average of past gradients that many optimizers keep."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmgancomp.errors import MMGanCompError

__all__ = ['first_moment', 'keeps_first_moment']

# Adam and its kin; SGD and RMSprop with momentum.
NAMES = ('exp_avg', 'momentum_buffer')


def first_moment(optimizer: torch.optim.Optimizer | None,
                 weight: Tensor) -> Tensor:
    """What the optimizer remembers of a parameter's past gradients.

    Raises:
        MMGanCompError: If it remembers nothing.
    """
    state = optimizer.state.get(weight, {}) if optimizer else {}
    for name in NAMES:
        if torch.is_tensor(state.get(name)):
            return state[name]
    raise MMGanCompError(
        'the optimizer keeps no average of past gradients of a weight of '
        f'shape {tuple(weight.shape)}')


def keeps_first_moment(optimizer: torch.optim.Optimizer,
                       weights: Sequence[Tensor]) -> bool:
    """Whether an optimizer remembers past gradients of these weights.

    Adam with β1 = 0 has the tensor, but it holds the last gradient only;
    that counts as no.

    Args:
        optimizer: It is not changed; a small one of its kind is tried out
            with the settings of each group that holds one of the weights.
        weights: Some of its parameters.
    """
    wanted = {id(weight) for weight in weights}
    for group in optimizer.param_groups:
        if wanted.isdisjoint(id(p) for p in group['params']):
            continue
        settings = {k: v for k, v in group.items() if k != 'params'}
        weight = nn.Parameter(torch.ones(4, 4))
        try:
            trial = type(optimizer)([{**settings, 'params': [weight]}])
            for gradient in (1., 0.):
                weight.grad = torch.full_like(weight, gradient)
                trial.step()
            if not bool(first_moment(trial, weight).any()):
                return False
        except Exception:
            return False
    return True

"""Does an optimizer leave a zero weight without gradient at zero?"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ['keeps_zeros']


def keeps_zeros(optimizer: torch.optim.Optimizer) -> bool:
    """Try the optimizer on zeros: weight, gradient and moments all zero.

    Momentum, weight decay and adaptive steps keep such a weight where it
    is; an optimizer that adds noise, or a stranger's, may not. What cannot
    be tried counts as not keeping.

    Args:
        optimizer: It is not changed; a small one of its kind is built with
            the settings of each of its groups.
    """
    for group in optimizer.param_groups:
        settings = {k: v for k, v in group.items() if k != 'params'}
        weight = nn.Parameter(torch.zeros(4, 4))
        try:
            trial = type(optimizer)([{**settings, 'params': [weight]}])
            for _ in range(3):
                weight.grad = torch.zeros_like(weight)
                trial.step()
        except Exception:
            return False
        state = trial.state[weight].values()
        moments = [v for v in state if torch.is_tensor(v) and v.dim()]
        if any(bool(value.any()) for value in (weight, *moments)):
            return False
    return True

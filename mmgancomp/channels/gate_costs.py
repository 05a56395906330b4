"""What gates have saved: parameters and multiply-accumulates, as executed."""

from __future__ import annotations

from torch import nn

from mmgancomp import families
from mmgancomp.families.macs import macs

from .gating import GATES, TRANSITIONS
from .remove import example

__all__ = ['costs_before_after']


def costs_before_after(gated: nn.Module, slim: nn.Module) -> dict[str, int]:
    """Compare the stock network with what is left of it.

    Args:
        gated: A network with its gates.
        slim: The same one cut, transition layers included.

    Returns:
        ``params_before`` and ``macs_before`` of the stock network, which has
        neither gates nor transition layers; ``params`` and ``macs``.
    """
    family, _ = families.grouping(gated)
    total, shares = macs(gated, *example(family, gated, 1))
    return {
        'params_before': sum(
            weight.numel() for name, weight in gated.named_parameters()
            if not name.startswith((f'{GATES}.', f'{TRANSITIONS}.'))),
        'params': sum(weight.numel() for weight in slim.parameters()),
        'macs_before': total - sum(
            share for path, share in shares.items()
            if path.startswith(f'{TRANSITIONS}.')),
        'macs': macs(slim, *example(family, slim, 1))[0]
    }

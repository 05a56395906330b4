"""Parameters inside a network that have an optimizer of their own."""

from __future__ import annotations

from torch import nn

__all__ = ['Helper', 'helper_parameters']


class Helper(nn.Module):
    """A module whose parameters a companion optimizer trains.

    See :class:`~mmgancomp.runtime.companion.CompanionOptimWrapper`.
    """


def helper_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The parameters of all helpers inside a network."""
    return [
        parameter for module in network.modules()
        if isinstance(module, Helper) for parameter in module.parameters()
    ]

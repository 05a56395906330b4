"""Averaged copies of networks: how they start anew."""

from __future__ import annotations

import torch
from mmengine.model import BaseAveragedModel
from torch import nn

from mmgancomp.families.base import Network, bare

__all__ = ['restart_average']


@torch.no_grad()
def restart_average(model: nn.Module, network: Network) -> None:
    """Make the averaged copy of a network equal to it, as at the start.

    Its count of updates goes back to 0, so a warm-up begins again too.

    Args:
        model: The model that holds the copy.
        network: The network; without a copy nothing happens.
    """
    if network.ema is None:
        return
    network.ema.load_state_dict(network.module.state_dict())
    for module in model.modules():
        if (isinstance(module, BaseAveragedModel)
                and bare(module.module) is network.ema):
            module.steps.zero_()

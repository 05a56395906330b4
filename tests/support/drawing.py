"""Networks for property tests: any shape and layout of convolutions."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn

from mmgancomp.families.layers import MaskableWeight, convolution_weights

__all__ = ['Modulated', 'draw_network']


class Modulated(nn.Module):
    """Holds a weight as StyleGAN2's modulated convolution does.

    Shape (1, out, in, k, k); what it computes is of no concern here.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(1, outputs, inputs, kernel, kernel))


def draw_network(
        data: st.DataObject) -> tuple[nn.Module, list[MaskableWeight]]:
    """One to three layers: plain, grouped, transposed, modulated."""
    net, modulated = nn.Sequential(), []
    small = st.integers(1, 5)
    kinds = ('plain', 'grouped', 'transposed', 'grouped transposed',
             'modulated')
    for i in range(data.draw(st.integers(1, 3))):
        kind = data.draw(st.sampled_from(kinds))
        inputs, outputs, kernel = (data.draw(small) for _ in range(3))
        net.append(_layer(kind, inputs, outputs, kernel))
        if kind == 'modulated':
            modulated.append(
                MaskableWeight(f'{i}.weight', out_axis=1, in_axis=2))
    order = [name for name, _ in net.named_parameters()]
    return net, sorted([*convolution_weights(net), *modulated],
                       key=lambda layer: order.index(layer.name))


def _layer(kind: str, inputs: int, outputs: int, kernel: int) -> Any:
    if kind == 'modulated':
        return Modulated(inputs, outputs, kernel)
    groups = 2 if 'grouped' in kind else 1
    make = nn.ConvTranspose2d if 'transposed' in kind else nn.Conv2d
    return make(groups * inputs, groups * outputs, kernel, groups=groups)

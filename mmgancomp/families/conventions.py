"""Multiply-accumulates as the papers count them, which is not as executed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

__all__ = ['CostConvention', 'biggan_macs', 'stylegan2_macs']

_STYLEGAN2_CONSTANT = 22_400_000
"""Part of each published count that no layer explains (DGL-GAN)."""


@dataclass(frozen=True)
class CostConvention:
    """What a paper's way of counting gives for one network.

    Attributes:
        name: Key under ``macs`` in ``compression.json``.
        source: Paper and table that publish such counts.
        macs: Multiply-accumulates of one image.
    """

    name: str
    source: str
    macs: int


def stylegan2_macs(network: nn.Module) -> int:
    """MACs of a StyleGAN2 generator as in DGL-GAN, Table 2.

    A styled convolution counts its kernel at each *output* pixel, also
    where it is a transposed one that is run at the fewer input pixels, and
    one more per element of its output; ToRGB counts its kernel; modulation,
    noise and blur are left out. The constant at the end is the same in all
    published rows, whatever the width.

    Args:
        network: MMagic's generator, of any width and size.
    """
    edge = 4
    total = _STYLEGAN2_CONSTANT
    total += _styled(network.conv1, edge) + _to_rgb(network.to_rgb1, edge)
    for i, to_rgb in enumerate(network.to_rgbs):
        edge *= 2
        up, plain = network.convs[2 * i:2 * i + 2]
        total += _styled(up, edge) + _styled(plain, edge)
        total += _to_rgb(to_rgb, edge)
    return total


def _styled(layer: nn.Module, edge: int) -> int:
    inside, outside = layer.conv.in_channels, layer.conv.out_channels
    return (9 * inside * outside + outside) * edge**2


def _to_rgb(layer: nn.Module, edge: int) -> int:
    return layer.conv.in_channels * layer.conv.out_channels * edge**2


def biggan_macs(network: nn.Module) -> int:
    """MACs of a BigGAN generator as in DGL-GAN, Table 4.

    The counter behind that table takes ``(R⁴ // 16) · C · R² / 2`` for the
    second product of the attention over an R × R map with C channels, in
    place of ``R² · (R² / 4) · (C / 2)``; at 128 px this one term is 95 % of
    the published 432.98 G. C / 2 is the width of the values; the first
    product counts half of the query-key width. It is of use for nothing but
    comparing with published numbers.

    Args:
        network: MMagic's generator, of any width and size.
    """
    edge, total = network.input_scale, 0
    condition = network.dim_after_concat
    transitions = getattr(network, 'transitions', {})
    for index, block in enumerate(network.conv_blocks):
        if hasattr(block, 'theta'):
            total += _attention(block, edge)
            continue
        edge *= 2 if block.with_upsample else 1
        layers = [(block.conv1, 9), (block.conv2, 9)]
        if block.learnable_sc:
            layers.append((block.shortcut, 1))
        # Of a generator whose gates have been cut out.
        slot = f'conv_blocks-{index}-conv2-conv'
        if slot in transitions:
            layers.append((transitions[slot], 1))
        total += sum(kernel * layer.in_channels * layer.out_channels
                     for layer, kernel in layers) * edge**2
        total += condition * (block.conv1.in_channels +
                              block.conv1.out_channels)
    output = network.output_layer
    return total + 9 * output.in_channels * output.out_channels * edge**2


def _attention(block: nn.Module, edge: int) -> int:
    # The widths of its layers: the block's own number is the stock one.
    channels = block.theta.in_channels
    query, value = block.theta.out_channels, block.g.out_channels
    convolutions = 2 * channels * (query + value) * edge**2
    if (query, value) == (channels // 8, channels // 2):
        # The counter rounds only once.
        convolutions = 5 * channels**2 * edge**2 // 4
    scores = (query // 2) * edge**4 // 4
    return convolutions + scores + (edge**4 // 16) * value * edge**2

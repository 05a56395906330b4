"""StyleGAN2 networks of other widths than the table in their classes.

Below 64 px no option of the stock classes changes the widths. The networks
made here are of the stock classes and keep every parameter's name.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from .narrowing import width

__all__ = ['narrow_discriminator', 'narrow_generator']


class _DividedTable:
    """Attribute ``channels`` that divides the table when it is assigned.

    The stock constructor assigns its table, and reads it back for each
    layer: all of them come out narrow, and none of its code is copied.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        self.stock: dict[int, int] = {}

    def __set__(self, network: nn.Module, table: dict[int, int]) -> None:
        self.stock = table
        network.__dict__['channels'] = {
            edge: width(channels, self.divisor)
            for edge, channels in table.items()
        }

    def __get__(self, network: nn.Module, owner: type) -> dict[int, int]:
        return network.__dict__['channels']


def narrow_generator(kind: type, divisor: int, **options: Any) -> nn.Module:
    """Build the generator with each entry of its width table divided.

    The constant input keeps its channels, as do the mapping network and the
    style: only the first convolution maps the full constant to the divided
    width (DGL-GAN, official code ``networks_stylegan2.py``).

    Args:
        kind: The stock class, or a subclass with its constructor.
        divisor: What each width is divided by, after the table's clipping
            at 512.
        **options: What the class takes.
    """
    pretrained = options.pop('pretrained', None)
    table = _DividedTable(divisor)
    narrow = type(kind.__name__, (kind, ), dict(channels=table))
    network = narrow(**options)
    # The table has done its work: what is left is the class itself.
    network.__class__ = kind
    constant, first = table.stock[4], network.conv1
    network.constant_input = type(network.constant_input)(constant)
    network.conv1 = type(first)(
        constant,
        network.channels[4],
        kernel_size=3,
        style_channels=network.style_channels,
        fp16_enabled=first.fp16_enabled,
        fixed_noise=first.noise_injector.fixed_noise)
    if pretrained is not None:
        network._load_pretrained_model(**pretrained)
    return network


def narrow_discriminator(kind: type, divisor: int,
                         **options: Any) -> nn.Module:
    """Build the discriminator with all its widths divided.

    Its table is a variable of the constructor, so the layers are built once
    more. The minibatch statistics still add one channel.

    Args:
        kind: The stock class, or a subclass with its constructor.
        divisor: What each width is divided by.
        **options: What the class takes.
    """
    pretrained = options.pop('pretrained', None)
    network = kind(**options)
    first, *blocks = network.convs
    convolution, final = type(first), network.final_conv
    blur = _option(kind, options, 'blur_kernel')
    channels = width(first[0].conv.out_channels, divisor)
    layers = [
        convolution(
            first[0].conv.in_channels,
            channels,
            1,
            fp16_enabled=first.fp16_enabled)
    ]
    for block in blocks:
        # Blur, convolution, activation.
        out = width(block.conv2[1].conv.out_channels, divisor)
        layers.append(
            type(block)(
                channels,
                out,
                blur,
                fp16_enabled=block.fp16_enabled,
                convert_input_fp32=block.convert_input_fp32))
        channels = out
    last = width(final[0].conv.out_channels, divisor)
    network.convs = nn.Sequential(*layers)
    network.final_conv = convolution(
        channels + 1, last, 3, fp16_enabled=final.fp16_enabled)
    linear, head = type(network.final_linear[0]), network.final_linear[1]
    network.final_linear = nn.Sequential(
        # A map of 4 × 4 pixels, flattened.
        linear(last * 16, last, act_cfg=dict(type='fused_bias')),
        linear(last, head.linear.out_features))
    if pretrained is not None:
        network._load_pretrained_model(**pretrained)
    return network


def _option(kind: type, options: dict[str, Any], name: str) -> Any:
    if name in options:
        return options[name]
    for base in kind.__mro__:
        # A subclass may pass options on without naming them.
        found = inspect.signature(base).parameters.get(name)
        if found is not None:
            return found.default
    raise TypeError(f'{kind.__name__} has no option {name!r}')

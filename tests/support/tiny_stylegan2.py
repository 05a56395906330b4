"""StyleGAN2 networks 16 channels wide; the stock ones are 512 up to 32 px.

The constructors of the stock classes run unchanged. The generator's width
table is an attribute, so a data descriptor of that name divides it while it
is assigned. The discriminator's is a local variable: its layers are built
once more.
"""

from __future__ import annotations

from mmagic.models.editors import stylegan2
from mmagic.registry import MODELS
from torch import nn

WIDTH = 16


class _NarrowTable:

    def __get__(self, network, owner=None):
        return network.__dict__['channels']

    def __set__(self, network, table):
        network.__dict__['channels'] = dict.fromkeys(table, WIDTH)


@MODELS.register_module()
class TinyStyleGAN2Generator(stylegan2.StyleGAN2Generator):
    channels = _NarrowTable()


@MODELS.register_module()
class TinyStyleGAN2Discriminator(stylegan2.StyleGAN2Discriminator):

    def __init__(self, in_size: int, **kwargs) -> None:
        super().__init__(in_size, **kwargs)
        first, *blocks = self.convs
        convolution, block = type(first), type(blocks[0])
        linear = type(self.final_linear[0])
        self.convs = nn.Sequential(
            convolution(3, WIDTH, 1), *(block(WIDTH, WIDTH) for _ in blocks))
        self.final_conv = convolution(WIDTH + 1, WIDTH, 3)
        self.final_linear = nn.Sequential(
            linear(WIDTH * 16, WIDTH, act_cfg=dict(type='fused_bias')),
            linear(WIDTH, 1))

"""BigGAN and BigGAN-deep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmgancomp.plugins import hookimpl

from . import residual_groups
from .base import Family, inherits
from .calls import FeaturePoint
from .conventions import CostConvention, biggan_macs
from .groups import ChannelGroup
from .hinge import HingeGANFamily
from .narrowing import narrow_base, stock_class, width
from .points import by_resolution, numbered
from .sites import GateSite, in_residual_blocks


class BigGANFamily(HingeGANFamily):
    """Class-conditional, hinge loss.

    Spectral norm comes in two styles. Torch's keeps the trained weight in
    ``weight_orig``; with ``sn_style='ajbrock'`` it is ``weight`` itself,
    divided on the way into the convolution. Both are convolutions to torch,
    so nothing needs to be said about them here.
    """

    name = 'biggan'

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'BigGAN')

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        """See :meth:`Family.narrow`.

        Widths that a config lists in ``arch_cfg`` are divided one by one.
        """
        generators = 'BigGANGenerator', 'BigGANDeepGenerator'
        kind = stock_class(self, config, *generators, 'BigGANDiscriminator',
                           'BigGANDeepDiscriminator')
        narrowed = narrow_base(kind, config, divisor)
        if config.get('arch_cfg'):
            listed = narrowed['arch_cfg'] = dict(config['arch_cfg'])
            for key in ('in_channels', 'out_channels'):
                listed[key] = [width(w, divisor) for w in listed[key]]
            if kind.__name__ not in generators:
                # A discriminator's list begins with the image.
                listed['in_channels'][0] = config['arch_cfg']['in_channels'][0]
        return narrowed

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """See :meth:`Family.channel_groups`.

        Of BigGAN-deep only what is inside of the generator's blocks.
        """
        if inherits(network, 'BigGANGenerator'):
            return residual_groups.generator(network, '', 'bn',
                                             'output_layer').groups
        if inherits(network, 'BigGANDiscriminator'):
            return residual_groups.discriminator(network, '').groups
        if inherits(network, 'BigGANDeepGenerator'):
            return residual_groups.biggan_deep(network).groups
        return super().channel_groups(network)

    def cost_conventions(self, network: nn.Module) -> list[CostConvention]:
        if not inherits(network, 'BigGANGenerator'):
            return []
        return [
            CostConvention('paper', 'DGL-GAN, Table 4', biggan_macs(network))
        ]

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """See :meth:`Family.gate_sites`.

        Two in each block, as in SAGAN's; four in those of BigGAN-deep.
        """
        if inherits(network, 'BigGANGenerator'):
            last, hidden = 2, [1]
        elif inherits(network, 'BigGANDeepGenerator'):
            last, hidden = 4, [1, 2, 3]
        else:
            return super().gate_sites(network)
        return in_residual_blocks(
            network, 'conv_blocks',
            ['BigGANGenResBlock', 'BigGANDeepGenResBlock'],
            [(f'conv{i}.conv', f'bn{i + 1}') for i in hidden],
            f'conv{last}.conv')

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`.

        ``block1`` and so on; in the generator ``'64px'`` makes that
        resolution, in the discriminator it takes it. BigGAN-deep has two
        blocks to a resolution and numbers alone.
        """
        if not inherits(network, 'BigGANGenerator', 'BigGANDiscriminator'):
            return numbered(network.conv_blocks, 'conv_blocks',
                            ['SelfAttentionBlock'])
        made = list(network.arch['resolution'])
        if hasattr(network, 'noise_size'):
            return by_resolution(
                numbered(network.conv_blocks, 'conv_blocks',
                         ['SelfAttentionBlock'], 'bn1', 'output_layer.bn'),
                made)
        halved = network.arch['downsample']
        return by_resolution(
            numbered(network.conv_blocks, 'conv_blocks',
                     ['SelfAttentionBlock']),
            [size * (2 if half else 1) for size, half in zip(made, halved)])


_BIGGAN = BigGANFamily()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_BIGGAN]

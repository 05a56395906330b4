"""SAGAN and SNGAN with projection: one model class in MMagic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmgancomp.plugins import hookimpl

from . import residual_groups
from .base import Family, inherits
from .calls import FeaturePoint
from .groups import ChannelGroup
from .hinge import HingeGANFamily
from .narrowing import narrow_base, stock_class
from .points import by_resolution, numbered
from .sites import GateSite, in_residual_blocks


class SAGANFamily(HingeGANFamily):
    """Class-conditional, hinge loss, with or without self-attention."""

    name = 'sagan'

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'SAGAN')

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        kind = stock_class(self, config, 'SNGANGenerator',
                           'ProjDiscriminator')
        return narrow_base(kind, config, divisor)

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """See :meth:`Family.channel_groups`."""
        if inherits(network, 'SNGANGenerator'):
            return residual_groups.generator(network, '_', 'norm',
                                             'to_rgb').groups
        if inherits(network, 'ProjDiscriminator'):
            return residual_groups.discriminator(network, '_',
                                                 'from_rgb').groups
        return super().channel_groups(network)

    def image_size(self, network: nn.Module) -> int:
        """See :meth:`BaseGANFamily.image_size`.

        The projection discriminator pools whatever it is given and does not
        keep its size; the class's table says which size halves like this.
        """
        if not inherits(network, 'ProjDiscriminator'):
            return super().image_size(network)
        halvings = network.downsample_list
        for size, listed in network._defualt_downsample_cfg.items():
            if listed == halvings:
                return size
        # One more halving is in the first block; 4 px are left at the end.
        return 4 * 2**(1 + sum(halvings))

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """See :meth:`Family.gate_sites`: two in each block (PPCD-GAN)."""
        if not inherits(network, 'SNGANGenerator'):
            return super().gate_sites(network)
        return in_residual_blocks(network, 'conv_blocks',
                                  ['SNGANGenResBlock'],
                                  [('conv_1.conv', 'norm_2')], 'conv_2.conv')

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`.

        ``block1`` and so on; in the generator ``'64px'`` makes that
        resolution, in the discriminator it takes it (its first block is
        ``from_rgb``).
        """
        attention = ['SelfAttentionBlock']
        if hasattr(network, 'noise_size'):
            points = numbered(network.conv_blocks, 'conv_blocks', attention,
                              'norm_1', 'to_rgb.bn')
            sizes = [
                network.input_scale * 2**(index + 1)
                for index in range(len(points))
            ]
            return by_resolution(points, sizes)
        points = {
            name if name.startswith('a') else f'block{int(name[5:]) + 1}':
            point
            for name, point in numbered(network.conv_blocks, 'conv_blocks',
                                        attention).items()
        }
        size = self.image_size(network)
        sizes = [size, size // 2]
        for halves in network.downsample_list:
            sizes.append(sizes[-1] // (2 if halves else 1))
        return by_resolution(
            {
                'block1': FeaturePoint('from_rgb'),
                **points
            }, sizes)


_SAGAN = SAGANFamily()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_SAGAN]

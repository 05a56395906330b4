"""BigGAN and BigGAN-deep."""

from __future__ import annotations

from torch import Tensor, nn

from mmgancomp.plugins import hookimpl

from . import losses
from .base import Family, bare, inherits
from .calls import FeaturePoint
from .gan import BaseGANFamily
from .points import by_resolution, numbered


class BigGANFamily(BaseGANFamily):
    """Class-conditional, hinge loss.

    Spectral norm comes in two styles. Torch's keeps the trained weight in
    ``weight_orig``; with ``sn_style='ajbrock'`` it is ``weight`` itself,
    divided on the way into the convolution. Both are convolutions to torch,
    so nothing needs to be said about them here.
    """

    name = 'biggan'

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'BigGAN')

    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        losses.check_unchanged(self, bare(model), 'gen_loss', 'disc_loss')
        return losses.hinge(logits, for_generator, real)

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

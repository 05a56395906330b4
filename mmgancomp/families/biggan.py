"""BigGAN and BigGAN-deep."""

from __future__ import annotations

from torch import Tensor, nn

from mmgancomp.plugins import hookimpl

from . import losses
from .base import Family, bare, inherits
from .gan import BaseGANFamily


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


_BIGGAN = BigGANFamily()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_BIGGAN]

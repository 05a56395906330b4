"""Pix2Pix."""

from __future__ import annotations

from torch import nn

from mmgancomp.plugins import hookimpl

from . import losses
from .base import Family, inherits
from .translation import TranslationFamily


class Pix2PixFamily(TranslationFamily):
    """Paired translation; the discriminator sees source and target at once.

    Its generator draws dropout in training mode, which is also how MMagic
    runs it in a test.
    """

    name = 'pix2pix'
    loss = staticmethod(losses.vanilla)

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'Pix2Pix')


_PIX2PIX = Pix2PixFamily()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_PIX2PIX]

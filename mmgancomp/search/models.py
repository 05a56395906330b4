"""alphaGAN's networks under their names in a config."""

from __future__ import annotations

from mmgancomp.registry import MODELS

from .discriminator import DerivedDiscriminator, SearchableDiscriminator
from .networks import DerivedGenerator, SearchableGenerator

__all__ = [
    'DerivedDiscriminator', 'DerivedGenerator', 'SearchableDiscriminator',
    'SearchableGenerator'
]

for _network in (DerivedDiscriminator, DerivedGenerator,
                 SearchableDiscriminator, SearchableGenerator):
    MODELS.register_module(module=_network)

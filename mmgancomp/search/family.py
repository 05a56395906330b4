"""GANs whose generator was searched, or is being searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmgancomp.families import sagan
from mmgancomp.families.base import Family, bare
from mmgancomp.families.calls import FeaturePoint
from mmgancomp.families.narrowing import narrow_options, network_class
from mmgancomp.families.plain import PlainGAN
from mmgancomp.families.points import by_resolution, numbered
from mmgancomp.plugins import hookimpl

from .discriminator import SearchableDiscriminator
from .networks import DerivedGenerator, SearchableGenerator

_GENERATORS = (DerivedGenerator, SearchableGenerator)
_OURS = (*_GENERATORS, SearchableDiscriminator)


class _Searched(Family):
    """Answers about our networks; the model's own family about the rest."""

    def claims(self, model: nn.Module) -> bool:
        return super().claims(model) and isinstance(
            bare(model.generator), _GENERATORS)

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        kind = network_class(config)
        if kind not in _OURS:
            raise self.not_offered('narrow', str(config.get('type')))
        return narrow_options(kind, config, divisor, 'base_channels')

    def image_size(self, network: nn.Module) -> int:
        """Image edge in pixels that a discriminator was built for."""
        # MMagic's searches and retrainings use SAGAN's discriminator.
        return _SAGAN.image_size(network)

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """``block1`` and so on, the cells; ``'32px'`` by resolution.

        A generator's cell makes the resolution, a discriminator's takes it.
        """
        if not isinstance(network, _OURS):
            return _SAGAN.feature_points(network)
        points = numbered(network.cells, 'cells')
        if isinstance(network, SearchableDiscriminator):
            size = network.input_scale
            return by_resolution(points, [size, size // 2, size // 4])
        last = f'block{len(points)}'
        points[last] = points[last]._replace(norm='to_rgb.0')
        return by_resolution(points, [
            network.bottom_width * 2**(number + 1)
            for number in range(len(points))
        ])


class SearchedPlain(_Searched, PlainGAN):
    """In GGAN, DCGAN and the like."""

    name = 'searched'


class SearchedSAGAN(_Searched, sagan.SAGANFamily):
    """In SAGAN's and SNGAN's model, without labels."""

    name = 'searched sagan'


_SAGAN = sagan.SAGANFamily()
# SAGAN is a `BaseGAN` too: the narrower claim comes first.
_FAMILIES: list[Family] = [SearchedSAGAN(), SearchedPlain()]


@hookimpl
def mmgancomp_families() -> list[Family]:
    return _FAMILIES

"""GANs whose generator was searched, or is being searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmgancomp.errors import ConfigError
from mmgancomp.families import ChannelGroup, GateSite, sagan
from mmgancomp.families.base import Family, NotOffered, bare
from mmgancomp.families.calls import FeaturePoint
from mmgancomp.families.narrowing import narrow_options, network_class
from mmgancomp.families.plain import PlainGAN
from mmgancomp.families.points import by_resolution, numbered
from mmgancomp.plugins import hookimpl

from .discriminator import DerivedDiscriminator, SearchableDiscriminator
from .genotype import PUBLISHED, Genotype
from .networks import DerivedGenerator, SearchableGenerator
from .wiring import wiring_of

_GENERATORS = (DerivedGenerator, SearchableGenerator)
_DISCRIMINATORS = (DerivedDiscriminator, SearchableDiscriminator)
_OURS = (*_GENERATORS, *_DISCRIMINATORS)
_DERIVED = (DerivedDiscriminator, DerivedGenerator)


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

    def check(self, model: nn.Module, config: Mapping[str, Any]) -> None:
        """See :meth:`Family.check`: both networks mean images of one size."""
        generator = bare(model.generator)
        entry: Any = (config.get('model') or {}).get('discriminator') or {}
        while isinstance(entry.get('network'), Mapping):
            entry = entry['network']
        size = getattr(bare(model.discriminator), 'input_scale',
                       entry.get('input_scale'))
        if size is not None and size != generator.output_scale:
            factor = 2**len(generator.cells)
            raise ConfigError.at(
                'model.generator.bottom_width', generator.bottom_width,
                f'the generator makes {generator.output_scale} px, and the '
                f'discriminator is for {size} (input_scale); '
                + (f'write {size // factor}' if size % factor == 0 else
                   f'{len(generator.cells)} cells make multiples of '
                   f'{factor} px'))

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """See :meth:`Family.channel_groups`: of what was found."""
        if isinstance(network, _DERIVED):
            return wiring_of(network).groups()
        try:
            return super().channel_groups(network)
        except NotOffered:
            return _SAGAN.channel_groups(network)

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """See :meth:`Family.gate_sites`: what is not added to anything."""
        if isinstance(network, DerivedGenerator):
            return wiring_of(network).sites()
        return super().gate_sites(network)

    def state(self, model: nn.Module) -> dict[str, Any]:
        """See :meth:`Family.state`: the architectures that are trained."""
        return super().state(model) | {
            'genotypes': {name: network.module.genotype.plain()
                          for name, network in self.networks(model).items()
                          if isinstance(network.module, _DERIVED)}}

    def load_state(self, model: nn.Module, state: Mapping[str, Any]) -> None:
        """See :meth:`Family.load_state`: they must be the same."""
        rest = dict(state)
        trained = rest.pop('genotypes', {})
        super().load_state(model, rest)
        for name, cells in self.state(model)['genotypes'].items():
            if trained.get(name, cells) != cells:
                raise ConfigError.at(
                    f'model.{name}.genotype', str(Genotype.of(cells, name)),
                    'the run that is to go on trained another: '
                    f'{Genotype.of(trained[name], name)}; was the file '
                    'written anew since?')

    def self_contained(self, config: Mapping[str, Any],
                       network: nn.Module) -> Mapping[str, Any]:
        """See :meth:`Family.self_contained`: the genotype itself."""
        if (not isinstance(network, DerivedGenerator)
                or str(config.get('genotype')) in PUBLISHED):
            return config
        return {**config, 'genotype': network.genotype.plain()}

    def image_size(self, network: nn.Module) -> int:
        """Image edge in pixels that a discriminator was built for."""
        if isinstance(network, _DISCRIMINATORS):
            return network.input_scale
        # MMagic's searches and retrainings use SAGAN's discriminator.
        return _SAGAN.image_size(network)

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """``block1`` and so on, the cells; ``'32px'`` by resolution.

        A generator's cell makes the resolution, a discriminator's takes it.
        """
        if not isinstance(network, _OURS):
            try:
                return super().feature_points(network)
            except NotOffered:
                return _SAGAN.feature_points(network)
        points = numbered(network.cells, 'cells')
        if isinstance(network, _DISCRIMINATORS):
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

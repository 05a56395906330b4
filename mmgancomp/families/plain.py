"""DCGAN, LSGAN, WGAN-GP, GGAN, and other models built on ``BaseGAN``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mmgancomp.plugins import hookimpl

from . import losses
from .base import Family, bare, inherits
from .calls import FeaturePoint, Objective, Scene
from .gan import BaseGANFamily
from .groups import ChannelGroup, GroupTable
from .narrowing import narrow_base, stock_class
from .points import numbered
from .sites import GateSite, plain_layers

_LOSSES: dict[str, losses.AdversarialLoss] = {
    'DCGAN': losses.vanilla,
    'LSGAN': losses.least_squares,
    'WGANGP': losses.wasserstein,
    'GGAN': losses.hinge,
}


class PlainGAN(BaseGANFamily):
    """``BaseGAN`` and what has nothing peculiar to add to it.

    Models that grow by stages (progressive growing, SinGAN) build their
    optimizers and schedules themselves and are left to a family of their
    own.
    """

    name = 'plain'

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'BaseGAN') and not inherits(
            model, 'ProgressiveGrowingGAN', 'SinGAN')

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        kind = stock_class(self, config, 'DCGANGenerator',
                           'DCGANDiscriminator', 'LSGANGenerator',
                           'LSGANDiscriminator')
        return narrow_base(kind, config, divisor)

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """See :meth:`Family.channel_groups`: of DCGAN's and LSGAN's."""
        table = GroupTable(network)
        layers: list[str] = []
        if inherits(network, 'DCGANGenerator'):
            layers = ['noise2feat', *_numbered(network, 'upsampling')]
        elif inherits(network, 'DCGANDiscriminator'):
            layers = _numbered(network, 'downsamples')
        elif inherits(network, 'LSGANGenerator', 'LSGANDiscriminator'):
            layers = _numbered(network, 'conv_blocks')
        else:
            return super().channel_groups(network)
        if inherits(network, 'LSGANGenerator'):
            # The map is made by a view of that many channels.
            table.add('noise2feat_head', 'noise2feat_head.0', layers[0],
                      'noise2feat_tail.0', counts=(('', 'base_channels'), ))
        last = ('output_layer' if hasattr(network, 'output_layer') else
                'decision.0' if hasattr(network, 'decision') else None)
        table.chain([*layers, last] if last else layers)
        return table.groups

    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        """See :meth:`Family.adversarial_loss`.

        A model without loss methods of its own has its ``gan_loss`` module,
        from ``loss_config``.
        """
        model = bare(model)
        if not hasattr(model, 'gen_loss') and model.gan_loss is not None:
            losses.check_unchanged(self, model, '_get_gen_loss',
                                   '_get_disc_loss')
            return model.gan_loss(
                logits,
                target_is_real=real or for_generator,
                is_disc=not for_generator)
        methods = ('gen_loss', 'disc_loss')
        if not all(hasattr(model, method) for method in methods):
            raise self.not_offered('adversarial_loss', type(model).__name__)
        owner = losses.check_unchanged(self, model, *methods)
        if owner not in _LOSSES:
            raise self.not_offered('adversarial_loss', owner)
        return _LOSSES[owner](logits, for_generator, real)

    def unanswerable(self, model: nn.Module) -> dict[str, str]:
        """See :meth:`Family.unanswerable`: WGAN-GP's penalty.

        It looks at generated images and at real ones together.
        """
        return dict.fromkeys(
            ('discriminator_objectives', 'discriminator_penalty'),
            "WGANGP's gradient penalty") if inherits(
                bare(model), 'WGANGP') else {}

    def discriminator_objectives(self, model: nn.Module,
                                 scene: Scene) -> dict[str, Objective]:
        """See :meth:`Family.discriminator_objectives`.

        Raises:
            NotOffered: See :meth:`unanswerable`.
        """
        self._check(model, 'discriminator_objectives')
        return super().discriminator_objectives(model, scene)

    def discriminator_penalty(self, model: nn.Module, network: nn.Module,
                              real: Tensor,
                              iteration: int) -> Tensor | None:
        """See :meth:`Family.discriminator_penalty`.

        Raises:
            NotOffered: See :meth:`unanswerable`.
        """
        self._check(model, 'discriminator_penalty')
        return None

    def _check(self, model: nn.Module, question: str) -> None:
        about = self.unanswerable(model).get(question)
        if about:
            raise self.not_offered(question, about)

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """See :meth:`Family.gate_sites`: of DCGAN, all but the last."""
        if not inherits(network, 'DCGANGenerator'):
            return super().gate_sites(network)
        return plain_layers(
            network, 'noise2feat',
            *(f'upsampling.{i}' for i in range(len(network.upsampling))))

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`: of the DCGAN networks.

        ``block1`` and so on are the layers between the first and the last;
        of the discriminator, all but the last.
        """
        for layers in ('upsampling', 'downsamples'):
            if hasattr(network, layers) and inherits(
                    network, 'DCGANGenerator', 'DCGANDiscriminator'):
                return numbered(getattr(network, layers), layers)
        return super().feature_points(network)


def _numbered(network: nn.Module, path: str) -> list[str]:
    """Paths of the layers in a list of them."""
    return [f'{path}.{i}' for i in range(len(network.get_submodule(path)))]


_PLAIN = PlainGAN()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_PLAIN]

"""What all models with one generator and one discriminator share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from mmgancomp.errors import ConfigError

from . import inputs
from .base import Family, Network, bare, seeded_forward
from .calls import Scene

__all__ = ['BaseGANFamily', 'draws_dropout']


def draws_dropout(network: nn.Module) -> bool:
    """Whether a forward call would draw dropout masks now."""
    return any(
        isinstance(module, _DropoutNd) and module.training and module.p > 0
        for module in network.modules())


class BaseGANFamily(Family):
    """Subclasses of MMagic's ``BaseGAN`` that keep its way of training.

    In each iteration the discriminator sees one batch. Once it has taken
    ``discriminator_steps`` steps the generator takes ``generator_steps``,
    all within that iteration, however much either accumulates.
    """

    schedules = ('BaseGAN', )
    """MMagic classes whose ``train_step`` alternates like that."""

    def networks(self, model: nn.Module) -> dict[str, Network]:
        model = bare(model)
        found = [
            Network('generator', 'generator', bare(model.generator),
                    'generator', self._average(model))
        ]
        # Models that only sample are built without a discriminator.
        if model.discriminator is not None:
            found.append(
                Network('discriminator', 'discriminator',
                        bare(model.discriminator), 'discriminator'))
        return {network.name: network for network in found}

    def _average(self, model: nn.Module) -> nn.Module | None:
        if not model.with_ema_gen:
            return None
        return bare(bare(model.generator_ema).module)

    def updates(self, model: nn.Module, optimizer: str, iterations: int,
                accumulation: Mapping[str, int]) -> int:
        """See :meth:`Family.updates`.

        A last, incomplete accumulation of the discriminator is never
        stepped: MMEngine tells a dict of optimizers no total count, so its
        rule about the last iteration does not apply. The generator's is
        told one per turn, always a multiple of its accumulation.
        """
        model = bare(model)
        self._check_schedule(model)
        generator, discriminator = self.accumulation_of(
            ('generator', 'discriminator'), optimizer, accumulation)
        if optimizer == 'discriminator':
            return iterations // discriminator
        turns = iterations // (model.discriminator_steps * discriminator)
        return turns * model.generator_steps

    def _check_schedule(self, model: nn.Module) -> None:
        owner = next(base for base in type(model).__mro__
                     if 'train_step' in vars(base))
        if not (owner.__module__.startswith('mmagic.')
                and owner.__name__ in self.schedules):
            raise self.not_offered('updates',
                                   f'{owner.__name__}.train_step')

    def real_images(self, model: nn.Module,
                    batch: Any) -> Mapping[str, Tensor]:
        return {'discriminator': batch['data_samples'].gt_img}

    def judgements(self, model: nn.Module,
                   scene: Scene) -> dict[str, Tensor]:
        return {
            'discriminator':
            scene.judged('discriminator', scene.made('generator', 0))
        }

    def example_call(
            self,
            network: nn.Module,
            batch: int,
            generator: torch.Generator,
            size: int | None = None) -> tuple[tuple, dict[str, Any]]:
        if hasattr(network, 'noise_size'):
            first = inputs.noise(network, batch, generator)
        else:
            size = self.image_size(network) if size is None else size
            first = inputs.images(network, batch, size, generator)
        return (first, ), inputs.class_labels(network, batch, generator)

    def image_size(self, network: nn.Module) -> int:
        """Image edge in pixels that a discriminator was built for."""
        for attribute in ('input_scale', 'in_scale'):
            if hasattr(network, attribute):
                return getattr(network, attribute)
        raise ConfigError(
            f'{type(network).__name__} does not say for which image size it '
            'was built: give the size')

    def fixed_noise(self, network: nn.Module) -> AbstractContextManager[None]:
        if draws_dropout(network):
            return seeded_forward(network)
        return nullcontext()

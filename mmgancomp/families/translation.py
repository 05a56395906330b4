"""What models that translate between image domains share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from . import inputs, losses, translation_groups
from .base import Family, Network, bare, inherits, seeded_forward
from .calls import Call, FeaturePoint
from .gan import draws_dropout
from .groups import ChannelGroup, GroupTable
from .narrowing import narrow_base, stock_class
from .points import numbered

__all__ = ['TranslationFamily']


class TranslationFamily(Family):
    """Networks in an ``nn.ModuleDict`` keyed by domain, one optimizer each.

    The stock training step multiplies the discriminators' summed loss by
    one half. :meth:`adversarial_loss` returns a term as it is before that.
    """

    loss: losses.AdversarialLoss
    """The GAN loss that the model class is known for."""

    discriminator_loss_weight = .5
    tested_in_training = True

    def networks(self, model: nn.Module) -> dict[str, Network]:
        model = bare(model)
        found = {}
        for role, key in (('generator', 'generators'),
                          ('discriminator', 'discriminators')):
            domains = getattr(model, key)
            # Models that only sample are built without discriminators.
            if domains is None:
                continue
            # The wrapper is around the dict (MMagic's) or every entry.
            for domain, network in bare(domains).items():
                name = f'{key}.{domain}'
                found[name] = Network(name, role, bare(network), key)
        return found

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        kind = stock_class(self, config, 'ResnetGenerator', 'UnetGenerator',
                           'PatchDiscriminator')
        return narrow_base(kind, config, divisor)

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """See :meth:`Family.channel_groups`."""
        if inherits(network, 'ResnetGenerator'):
            return translation_groups.resnet(network).groups
        if inherits(network, 'UnetGenerator'):
            return translation_groups.unet(network).groups
        if inherits(network, 'PatchDiscriminator'):
            table = GroupTable(network)
            table.chain([f'model.{i}' for i in range(len(network.model))])
            return table.groups
        return super().channel_groups(network)

    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        losses.check_unchanged(self, bare(model), '_get_gen_loss',
                               '_get_disc_loss')
        return self.loss(logits, for_generator, real)

    def updates(self, model: nn.Module, optimizer: str, iterations: int,
                accumulation: Mapping[str, int]) -> int:
        """See :meth:`Family.updates`.

        The generators have a turn each time the discriminators have taken
        ``discriminator_steps``, but none in the first ``disc_init_steps``
        iterations; there is one backward per turn, so it takes as many turns
        as they accumulate to make a step. A last, incomplete accumulation is
        never stepped.
        """
        model = bare(model)
        losses.check_unchanged(self, model, 'train_step', question='updates')
        generators, discriminators = self.accumulation_of(
            ('generators', 'discriminators'), optimizer, accumulation)
        if optimizer == 'discriminators':
            return iterations // discriminators
        period = model.discriminator_steps * discriminators
        skipped = model.disc_init_steps // period
        return max(0, iterations // period - skipped) // generators

    def generator_calls(self, before: Sequence[Call],
                        since: Sequence[Call]) -> list[Call]:
        """See :meth:`Family.generator_calls`: images serve both turns."""
        return [*before, *since]

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`: of patch discriminators.

        ``block1`` and so on, the layer that gives the logits left out.
        """
        if not inherits(network, 'PatchDiscriminator'):
            return super().feature_points(network)
        return numbered(network.model[:-1], 'model')

    def example_call(
            self,
            network: nn.Module,
            batch: int,
            generator: torch.Generator,
            size: int | None = None) -> tuple[tuple, dict[str, Any]]:
        """See :meth:`Family.example_call`.

        A discriminator that judges pairs has the source's channels before
        those of the target.
        """
        if size is None:
            halvings = sum(
                isinstance(module, nn.ConvTranspose2d)
                for module in network.modules())
            size = max(256, 2**halvings)
        return (inputs.images(network, batch, size, generator), ), {}

    def fixed_noise(self, network: nn.Module) -> AbstractContextManager[None]:
        if draws_dropout(network):
            return seeded_forward(network)
        return nullcontext()

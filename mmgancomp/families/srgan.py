"""SRGAN and ESRGAN: super-resolution with a discriminator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.plugins import hookimpl

from . import inputs, losses, srgan_groups
from .base import Family, Network, bare, inherits
from .calls import Call, FeaturePoint, Objective, Scene
from .groups import ChannelGroup
from .narrowing import narrow_options, stock_class
from .points import numbered

_VGG_EDGE = 128
"""Image edge that the stock discriminator insists on."""


class SRGANFamily(Family):
    """The generator has its turn first, in the same iteration.

    The discriminator's turn does not go through ``update_params``: it calls
    ``backward`` for reals and for fakes, then steps by itself. MMEngine
    counts each ``backward``, so with an even accumulation of n the
    discriminator steps every n / 2 turns.

    Others that derive from the same class (Real-ESRGAN, DIC, TTSR) train in
    ways of their own and are left to families of their own.
    """

    name = 'srgan'
    discriminator_losses = 2
    for_training = {'discriminator': None, 'perceptual_loss': None}

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'SRGAN') and not inherits(
            model, 'RealESRGAN', 'DIC', 'TTSR')

    def networks(self, model: nn.Module) -> dict[str, Network]:
        model = bare(model)
        return {
            role: Network(role, role, bare(getattr(model, role)), role)
            for role in ('generator', 'discriminator')
            if getattr(model, role) is not None
        }

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        kind = stock_class(self, config, 'MSRResNet', 'RRDBNet',
                           'ModifiedVGG')
        return narrow_options(kind, config, divisor, 'mid_channels',
                              'growth_channels')

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """See :meth:`Family.channel_groups`."""
        for name, declare in (('MSRResNet', srgan_groups.residual),
                              ('RRDBNet', srgan_groups.residual_dense),
                              ('ModifiedVGG', srgan_groups.modified_vgg)):
            if inherits(network, name):
                return declare(network).groups
        return super().channel_groups(network)

    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        """See :meth:`Family.adversarial_loss`.

        ESRGAN judges a batch relative to the mean score of the other one,
        fakes against reals, and halves each of the two terms. One batch
        alone is judged relative to a mean score of zero.
        """
        model = bare(model)
        owner = losses.check_unchanged(self, model, 'g_step', 'd_step_real',
                                       'd_step_fake')
        loss = model.gan_loss(
            logits,
            target_is_real=real or for_generator,
            is_disc=not for_generator)
        return loss * 0.5 if owner == 'ESRGAN' else loss

    def generator_calls(self, before: Sequence[Call],
                        since: Sequence[Call]) -> list[Call]:
        """See :meth:`Family.generator_calls`: images serve both turns."""
        return [*before, *since]

    def discriminator_calls(self,
                            calls: Sequence[Call]) -> tuple[Call, Call]:
        """See :meth:`Family.discriminator_calls`.

        Fakes come last; ESRGAN shows them once more before the reals.
        """
        return calls[-1], calls[-2]

    def real_images(self, model: nn.Module,
                    batch: Any) -> dict[str, Tensor]:
        """See :meth:`Family.real_images`: the targets."""
        return {
            'discriminator': bare(model).extract_gt_data(batch['data_samples'])
        }

    def judgements(self, model: nn.Module,
                   scene: Scene) -> dict[str, Tensor]:
        """See :meth:`Family.judgements`."""
        return {
            'discriminator':
            scene.judged('discriminator', scene.made('generator', 0))
        }

    def generator_objectives(self, model: nn.Module,
                             scene: Scene) -> dict[str, Objective]:
        """See :meth:`Family.generator_objectives`.

        The terms for which the model has a loss: ``pixel``,
        ``perceptual``, ``style``, and the adversarial one.
        """
        model = bare(model)
        made, target = scene.made('generator', 0), scene.real('discriminator')
        terms: dict[str, tuple[float, Tensor]] = {}
        if model.pixel_loss:
            terms['pixel'] = (model.pixel_loss.loss_weight,
                              model.pixel_loss(made, target))
        if model.perceptual_loss:
            known = model.perceptual_loss
            for name, weight, value in zip(
                    ('perceptual', 'style'),
                    (known.perceptual_weight, known.style_weight),
                    known(made, target)):
                if value is not None:
                    terms[name] = weight, value
        # MMagic's losses are weighted already.
        return {
            name: Objective(weight, value / weight)
            for name, (weight, value) in terms.items() if weight
        } | self.adversarial_objectives(model, scene)

    def adversarial_objectives(self, model: nn.Module,
                               scene: Scene) -> dict[str, Objective]:
        """See :meth:`Family.adversarial_objectives`: ESRGAN's is relative."""
        model = bare(model)
        weight = model.gan_loss.loss_weight
        if not weight:
            return {}
        fake = scene.judged('discriminator', scene.made('generator', 0))
        owner = losses.check_unchanged(self, model, 'g_step',
                                       question='adversarial_objectives')
        if owner == 'ESRGAN':
            real = scene.judged_real('discriminator')
            value = (
                model.gan_loss(fake - real.mean(), True, is_disc=False) +
                model.gan_loss(real - fake.mean(), False, is_disc=False)) / 2
        else:
            value = self.adversarial_loss(model, fake, True, False)
        return {'discriminator': Objective(weight, value / weight)}

    def discriminator_loss(self, model: nn.Module, fake: Tensor,
                           real: Tensor) -> Tensor:
        """See :meth:`Family.discriminator_loss`: ESRGAN's is relative."""
        model = bare(model)
        owner = losses.check_unchanged(self, model, 'd_step_real',
                                       'd_step_fake',
                                       question='discriminator_loss')
        if owner != 'ESRGAN':
            return super().discriminator_loss(model, fake, real)
        return (
            model.gan_loss(
                real - fake.detach().mean(), True, is_disc=True) +
            model.gan_loss(
                fake - real.detach().mean(), False, is_disc=True)) / 2

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`.

        Of a generator ``block1`` and so on, then ``up1`` and so on; of a
        discriminator ``block1`` and so on, the second convolution of each
        stage, with the norm after it.
        """
        if inherits(network, 'MSRResNet'):
            points = numbered(network.trunk_net, 'trunk_net')
            ups = ('upsample1', 'upsample2')
        elif inherits(network, 'RRDBNet'):
            points = numbered(network.body, 'body')
            ups = ('conv_up1', 'conv_up2')
        elif inherits(network, 'ModifiedVGG'):
            return {
                f'block{stage + 1}': FeaturePoint(f'conv{stage}_1',
                                                  f'bn{stage}_1')
                for stage in range(5)
            }
        else:
            return super().feature_points(network)
        found = [path for path in ups if hasattr(network, path)]
        return points | {
            f'up{number}': FeaturePoint(path)
            for number, path in enumerate(found, start=1)
        }

    def updates(self, model: nn.Module, optimizer: str, iterations: int,
                accumulation: Mapping[str, int]) -> int:
        """See :meth:`Family.updates`.

        The generator has a turn in every ``disc_steps``-th iteration from
        ``disc_init_steps`` on, the discriminator ``disc_repeat`` turns in
        each. A last, incomplete accumulation is never stepped.
        """
        model = bare(model)
        losses.check_unchanged(
            self, model, 'train_step', 'g_step_with_optim',
            'd_step_with_optim', 'if_run_g', 'if_run_d', question='updates')
        generator, discriminator = self.accumulation_of(
            ('generator', 'discriminator'), optimizer, accumulation)
        if optimizer == 'generator':
            period, skipped = model.disc_steps, model.disc_init_steps
            # Turns are at the multiples of the period, 0 included.
            turns = -(-iterations // period) + (-skipped // period)
            return max(0, turns) // generator
        turns = iterations * model.disc_repeat
        even = discriminator % 2 == 0
        return turns // (discriminator // 2 if even else discriminator)

    def example_call(
            self,
            network: nn.Module,
            batch: int,
            generator: torch.Generator,
            size: int | None = None) -> tuple[tuple, dict[str, Any]]:
        """See :meth:`Family.example_call`.

        A generator's default input is so small that it makes 256 pixels.
        """
        scale = getattr(network, 'upscale_factor', None)
        if size is None:
            size = _VGG_EDGE if scale is None else 256 // scale
        shape = batch, self._image_channels(network), size, size
        drawn = torch.rand(
            shape, generator=generator, device=generator.device)
        # MMagic's restorers take images as they are, from 0 to 1.
        return (drawn.to(next(network.parameters()).device), ), {}

    def _image_channels(self, network: nn.Module) -> int:
        channels = inputs.image_channels(network)
        if inherits(network, 'RRDBNet'):
            # For less than × 4 it starts by folding pixels into channels.
            channels //= (4 // network.upscale_factor)**2
        return channels

    def fixed_noise(self, network: nn.Module) -> AbstractContextManager[None]:
        return nullcontext()

    def state(self, model: nn.Module) -> dict[str, Any]:
        """See :meth:`Family.state`: the counter behind the turns.

        It is a buffer that MMagic keeps out of the ``state_dict``.
        """
        return {'step_counter': int(bare(model).step_counter)}

    def load_state(self, model: nn.Module, state: Mapping[str, Any]) -> None:
        bare(model).step_counter.fill_(state['step_counter'])


_SRGAN = SRGANFamily()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_SRGAN]

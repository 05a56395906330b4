"""SRGAN and ESRGAN: super-resolution with a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.plugins import hookimpl

from . import inputs, losses
from .base import Family, Network, bare, inherits
from .narrowing import narrow_options, stock_class

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

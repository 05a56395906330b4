"""The duality gap of a GAN, and what is searched by it.

With ``V(G, D)`` the value that D maximises and G minimises,
``gap = V(G, D_worst) − V(G_worst, D)``: how much either player can still
gain by a best response of the other. It is 0 in an equilibrium.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.dist import all_reduce_params, get_world_size
from torch import Tensor, nn
from torch.func import functional_call

from .edges import architecture, constant, kept_buffers

__all__ = ['Architect', 'Gap', 'Loss', 'Players', 'discriminator_loss',
           'duality_gap', 'value']

Loss = Callable[[Tensor, bool, bool], Tensor]
"""``loss(logits, for_generator, real)``: a family's adversarial loss."""

Network = Callable[[Tensor], Tensor]

OBJECTIVES = ('gap', 'first_term', 'adversarial')


@dataclass
class Players:
    """The two networks, their worst-case copies, and their loss.

    Attributes:
        generator: Noise → images.
        discriminator: Images → logits.
        generator_worst: Copy that answers the discriminator.
        discriminator_worst: Copy that answers the generator.
        loss: The GAN's loss.
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_worst: nn.Module
    discriminator_worst: nn.Module
    loss: Loss

    def all(self) -> tuple[nn.Module, ...]:
        """All four networks."""
        return (self.generator, self.discriminator, self.generator_worst,
                self.discriminator_worst)


@dataclass(frozen=True)
class Gap:
    """The gap and its two terms, scalars.

    Attributes:
        first: ``V(G, D_worst)``.
        second: ``V(G_worst, D)``.
    """

    first: Tensor
    second: Tensor

    @property
    def gap(self) -> Tensor:
        """The difference."""
        return self.first - self.second


def discriminator_loss(discriminator: Network, images: Tensor, fakes: Tensor,
                       loss: Loss) -> Tensor:
    """A discriminator's loss on a batch of either kind, ``−V``."""
    return (loss(discriminator(images), False, True)
            + loss(discriminator(fakes), False, False))


def value(generator: Network, discriminator: Network, images: Tensor,
          noise: Tensor, loss: Loss) -> Tensor:
    """``V(G, D)``; for the hinge loss ``−E relu(1 − D(x)) − E relu(1 + D(G(z)))``.

    Args:
        generator: Noise → images.
        discriminator: Images → logits.
        images: Real images.
        noise: One row per image.
        loss: The GAN's loss.
    """  # noqa: E501
    return -discriminator_loss(discriminator, images, generator(noise), loss)


def duality_gap(players: Players, images: Tensor, noise: Tensor,
                noise_worst: Tensor, generator: Network | None = None,
                discriminator: Network | None = None,
                second_counts: bool = True) -> Gap:
    """Both terms of the gap.

    Args:
        players: The networks.
        images: Held-out real images.
        noise: For the first term.
        noise_worst: For the second.
        generator: Takes the place of the players' generator.
        discriminator: Takes the place of their discriminator.
        second_counts: Whether the second term needs a gradient.
    """
    first = value(generator or players.generator,
                  players.discriminator_worst, images, noise, players.loss)
    with torch.set_grad_enabled(second_counts and torch.is_grad_enabled()):
        second = value(players.generator_worst,
                       discriminator or players.discriminator, images,
                       noise_worst, players.loss)
    return Gap(first, second)


class Architect:
    """Moves architecture weights down their objective.

    Args:
        players: The networks.
        searched: Which of generator and discriminator are searched.
        optimizer: Makes an optimizer of a list of tensors.
        objective: ``'gap'``; ``'first_term'``, ``V(G, D_worst)`` alone; or
            ``'adversarial'``, the loss that each network trains with.
        unrolled: Rate of one step of the searched networks' weights down
            the gap of a training batch, through which the gradient goes
            (exactly, not by finite differences); None for first order.
    """

    def __init__(self, players: Players, searched: Sequence[str],
                 optimizer: Callable[[list[Tensor]], Any],
                 objective: str = 'gap',
                 unrolled: float | None = None) -> None:
        self.players, self.objective = players, objective
        self.unrolled = unrolled
        self.networks = {name: getattr(players, name) for name in searched}
        self.weights = [alpha for network in self.networks.values()
                        for alpha in architecture(network)]
        self.optimizer = optimizer(self.weights)

    def step(self, batches: Sequence[tuple[float, Tensor]],
             noise: Callable[[int], Tensor],
             training: Tensor | None = None) -> Gap:
        """One step of the architecture's optimizer.

        The networks' weights, running statistics and power iterations are
        afterwards what they were. Over processes the gradient is averaged.

        Args:
            batches: Weights and batches of images that the objective is
                summed over.
            noise: Draws that many rows of noise; called for each term.
            training: A batch that the weights are unrolled on.

        Returns:
            The gap on the batches.
        """
        with ExitStack() as stack:
            stack.enter_context(kept_buffers(*self.players.all()))
            fixed = [n for n in self.players.all()
                     if self.unrolled is None
                     or all(n is not s for s in self.networks.values())]
            stack.enter_context(constant(*fixed))
            for weight in self.weights:
                stack.callback(weight.requires_grad_, False)
                weight.requires_grad_(True)
            found, gradients = self._differentiate(batches, noise, training)
        average([g for g in gradients if g is not None])
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        self.optimizer.step()
        for weight in self.weights:
            weight.grad = None
        return found

    def _differentiate(self, batches: Sequence[tuple[float, Tensor]],
                       noise: Callable[[int], Tensor],
                       training: Tensor | None
                       ) -> tuple[Gap, list[Tensor | None]]:
        ahead = self._ahead(training, noise)
        first = second = torch.zeros(())
        objective: Any = 0.
        for share, images in batches:
            if self.objective == 'adversarial':
                objective = objective + share * self._adversarial(
                    images, noise)
                continue
            found = duality_gap(
                self.players, images, noise(len(images)),
                noise(len(images)),
                second_counts='discriminator' in self.networks, **ahead)
            objective = objective + share * (
                found.gap if self.objective == 'gap' else found.first)
            first = first + share * found.first.detach()
            second = second + share * found.second.detach()
        if self.objective == 'adversarial':
            return (Gap(objective.detach(), torch.zeros(())),
                    self._gradients(objective))
        return Gap(first, second), self._gradients(objective)

    def _gradients(self, objective: Tensor) -> list[Tensor | None]:
        """None for edges that do not run: of cells still to come."""
        return [None if g is None else g.detach().contiguous()
                for g in torch.autograd.grad(
                    objective, self.weights, allow_unused=True)]

    def _adversarial(self, images: Tensor,
                     noise: Callable[[int], Tensor]) -> Tensor:
        """What training minimises, each network's with the other fixed."""
        players = self.players
        total: Any = 0.
        if 'generator' in self.networks:
            with _still(players.discriminator):
                total = total + players.loss(
                    players.discriminator(
                        players.generator(noise(len(images)))), True, False)
        if 'discriminator' in self.networks:
            with torch.no_grad():
                fakes = players.generator(noise(len(images)))
            total = total + discriminator_loss(
                players.discriminator, images, fakes, players.loss)
        return total

    def _ahead(self, training: Tensor | None,
               noise: Callable[[int], Tensor]) -> dict[str, Network]:
        """The searched networks after one more step of their weights."""
        if self.unrolled is None:
            return {}
        found = duality_gap(self.players, training, noise(len(training)),
                            noise(len(training)))
        ahead = {}
        for name, network in self.networks.items():
            named = {k: p for k, p in network.named_parameters()
                     if p.requires_grad}
            gradients = torch.autograd.grad(
                found.gap, list(named.values()), create_graph=True,
                retain_graph=True, allow_unused=True)
            moved = {
                key: p if g is None else p - self.unrolled * g
                for (key, p), g in zip(named.items(), gradients)
            }
            ahead[name] = _moved(network, moved)
        return ahead


def _moved(network: nn.Module, weights: dict[str, Tensor]) -> Network:
    return lambda x: functional_call(network, weights, (x, ))


def _still(network: nn.Module) -> Any:
    """Architecture weights of a network, taken as constants in the block."""
    stack = ExitStack()
    for weight in architecture(network):
        if weight.requires_grad:
            stack.callback(weight.requires_grad_, True)
            weight.requires_grad_(False)
    return stack


def average(gradients: list[Tensor]) -> None:
    """Average gradients over the processes, in place."""
    if get_world_size() > 1:
        all_reduce_params(gradients, op='mean')

"""The worst-case copies: best responses of either player."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .edges import architecture, choose, constant, kept_buffers, relax
from .gap import Loss, average, discriminator_loss

__all__ = ['WorstCase', 'clone']


def clone(network: nn.Module) -> nn.Module:
    """A copy of a network that may have been called before.

    Spectral norm leaves the last weight, with its graph, as an attribute.
    """
    for module in network.modules():
        for name, held in vars(module).items():
            if isinstance(held, Tensor) and held.grad_fn is not None:
                vars(module)[name] = held.detach()
    copied = copy.deepcopy(network)
    relax(copied, None)
    choose(copied, None)
    return copied


class WorstCase:
    """A copy of one network that is trained against the other one.

    There is one copy for the whole search: :meth:`renew` overwrites it.

    Args:
        network: What is copied.
        loss: The GAN's loss.
        weights: Makes an optimizer of the copy's weights; None leaves them
            as they are.
        design: Makes an optimizer of its architecture weights; None
            likewise.

    Attributes:
        copy: The copy.
    """

    def __init__(self, network: nn.Module, loss: Loss,
                 weights: Callable[[list[Tensor]], Any] | None,
                 design: Callable[[list[Tensor]], Any] | None = None
                 ) -> None:
        self.network, self.loss = network, loss
        self.copy = clone(network).requires_grad_(False)
        self._groups: list[list[Tensor]] = []
        self.optimizers: list[Any] = []
        for make, tensors in ((weights, list(self.copy.parameters())),
                              (design, architecture(self.copy))):
            if make is not None and tensors:
                self._groups.append(tensors)
                self.optimizers.append(make(tensors))
        self._rates = [[group['lr'] for group in optimizer.param_groups]
                       for optimizer in self.optimizers]

    def renew(self, share: float = 1.) -> None:
        """Make the copy equal to the network, and its optimizers new.

        Args:
            share: What learning rates are multiplied by.
        """
        self.copy.load_state_dict(self.network.state_dict())
        self.copy.train()
        for optimizer, rates in zip(self.optimizers, self._rates):
            optimizer.state.clear()
            for group, rate in zip(optimizer.param_groups, rates):
                group['lr'] = share * rate

    def as_discriminator(self, generator: nn.Module, images: Tensor,
                         noise: Tensor) -> Tensor:
        """One step of a copied discriminator against a generator.

        Args:
            generator: The opponent; nothing of it changes.
            images: Real images.
            noise: One row per fake.

        Returns:
            The loss.
        """
        with torch.no_grad(), kept_buffers(generator):
            fakes = generator(noise)
        return self._step(lambda: discriminator_loss(
            self.copy, images, fakes, self.loss))

    def as_generator(self, discriminator: nn.Module,
                     noise: Tensor) -> Tensor:
        """One step of a copied generator against a discriminator.

        Args:
            discriminator: The opponent; nothing of it changes.
            noise: One row per fake.

        Returns:
            The loss.
        """
        with kept_buffers(discriminator), constant(discriminator):
            return self._step(lambda: self.loss(
                discriminator(self.copy(noise)), True, False))

    def _step(self, compute: Callable[[], Tensor]) -> Tensor:
        tensors = [t for group in self._groups for t in group]
        for tensor in tensors:
            tensor.requires_grad_(True)
        try:
            loss = compute()
            gradients = torch.autograd.grad(loss, tensors, allow_unused=True)
        finally:
            for tensor in tensors:
                tensor.requires_grad_(False)
        found = [(t, g) for t, g in zip(tensors, gradients) if g is not None]
        average([g for _, g in found])
        for tensor, gradient in found:
            tensor.grad = gradient
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """The copy and its optimizers."""
        return {
            'copy': {k: v.detach().cpu()
                     for k, v in self.copy.state_dict().items()},
            'optimizers': [o.state_dict() for o in self.optimizers]
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self.copy.load_state_dict(state['copy'])
        self.copy.train()
        saved: Sequence[Any] = state['optimizers']
        for optimizer, entry in zip(self.optimizers, saved, strict=True):
            optimizer.load_state_dict(entry)

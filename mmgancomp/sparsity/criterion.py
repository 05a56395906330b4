"""How important is a weight? The lower the score, the sooner it goes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from mmgancomp.errors import ConfigError

from .registry import CRITERIA

__all__ = ['Criterion', 'Magnitude', 'Random']


class Criterion(ABC):
    """Scores the weights of one network.

    A criterion is pure: asked twice for the same layer, with the same
    weights, it gives the same scores.
    """

    @abstractmethod
    def score(self, name: str, weight: Tensor,
              gradient: Tensor | None = None) -> Tensor:
        """Score one layer.

        Args:
            name: The parameter's name.
            weight: Its values, any shape.
            gradient: Its gradient of this update, for criteria that use it.

        Returns:
            Scores of the same shape, none negative.
        """


@CRITERIA.register_module(name='magnitude')
class Magnitude(Criterion):
    """The absolute value (GAN-LTH, Self-Supervised GAN Compression)."""

    def score(self, name: str, weight: Tensor,
              gradient: Tensor | None = None) -> Tensor:
        return weight.detach().abs()


@CRITERIA.register_module(name='random')
class Random(Criterion):
    """Uniform noise from a generator of its own: the control.

    Args:
        seed: Seed of the draw. The run sets it from its own seed and the
            network's name, so that every process draws the same.

    Raises:
        ConfigError: If the seed is no whole number.
    """

    def __init__(self, seed: int = 0) -> None:
        if type(seed) is not int:
            raise ConfigError.at('criterion.seed', seed,
                                 'write a whole number')
        self.seed = seed

    def score(self, name: str, weight: Tensor,
              gradient: Tensor | None = None) -> Tensor:
        text = f'{self.seed}/{name}'.encode()
        seed = int.from_bytes(
            hashlib.blake2b(text, digest_size=7).digest(), 'big')
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(
            weight.shape, generator=generator).to(weight.device)

"""The GAN losses that MMagic's models have written into their methods."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from .base import Family

__all__ = [
    'BY_NAME', 'AdversarialLoss', 'check_unchanged', 'hinge',
    'least_squares', 'logistic', 'vanilla', 'wasserstein'
]

AdversarialLoss = Callable[[Tensor, bool, bool], Tensor]
"""``loss(logits, for_generator, real)``, a mean over all elements."""


def hinge(logits: Tensor, for_generator: bool, real: bool) -> Tensor:
    """Hinge loss; the generator's is linear (Lim and Ye 2017)."""
    if for_generator:
        return -logits.mean()
    return F.relu(1 - logits if real else 1 + logits).mean()


def logistic(logits: Tensor, for_generator: bool, real: bool) -> Tensor:
    """Non-saturating logistic loss, written with softplus as in StyleGAN."""
    return F.softplus(-logits if real or for_generator else logits).mean()


def vanilla(logits: Tensor, for_generator: bool, real: bool) -> Tensor:
    """The same loss written as cross-entropy (Goodfellow et al. 2014)."""
    return F.binary_cross_entropy_with_logits(
        logits, _target(logits, for_generator, real))


def least_squares(logits: Tensor, for_generator: bool, real: bool) -> Tensor:
    """Squared distance to 1 or 0 (Mao et al. 2017)."""
    return F.mse_loss(logits, _target(logits, for_generator, real))


def wasserstein(logits: Tensor, for_generator: bool, real: bool) -> Tensor:
    """The critic's score, without the penalty (Arjovsky et al. 2017)."""
    return -logits.mean() if real or for_generator else logits.mean()


def _target(logits: Tensor, for_generator: bool, real: bool) -> Tensor:
    return logits.new_full((), float(real or for_generator)).expand_as(logits)


BY_NAME: dict[str, AdversarialLoss] = {'hinge': hinge, 'bce': vanilla}
"""Losses that a config can name."""


def check_unchanged(family: Family,
                    model: nn.Module,
                    *methods: str,
                    question: str = 'adversarial_loss') -> str:
    """Make sure that a model does what its MMagic class is known for.

    Args:
        family: Named in the error.
        model: The model, bare.
        methods: Names of the methods that must be MMagic's own.
        question: The method of the family that relies on them.

    Returns:
        Name of the MMagic class that all of them come from.

    Raises:
        NotOffered: A subclass overrides one: the answer cannot be known.
    """
    owners = {
        next(base for base in type(model).__mro__ if method in vars(base))
        for method in methods
    }
    owner = owners.pop()
    if owners or not owner.__module__.startswith('mmagic.'):
        raise family.not_offered(
            question, f'{type(model).__name__}, which overrides '
            f'{" or ".join(methods)}')
    return owner.__name__

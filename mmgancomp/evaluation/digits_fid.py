"""digits-FID: how far generated digits are from real ones, in plain torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmgancomp.errors import ConfigError
from mmgancomp.images import DIGIT_SIZES, SPLITS, check_choice

from .feature_store import load_features
from .features import FeatureNetwork, Recipe, digit_tensors, extract
from .frechet import Moments, frechet_distance

__all__ = ['DigitsReference', 'digits_fid', 'digits_reference']

NUM_CLASSES = 10

_references: dict[int, DigitsReference] = {}


@dataclass(frozen=True)
class DigitsReference:
    """The real digits as a feature network sees them.

    Attributes:
        network: The feature network.
        train: Moments of the features of the 1,200 training images.
        floor: digits-FID of the 597 held-out images: what real images,
            never seen, score.
    """

    network: FeatureNetwork
    train: Moments
    floor: float

    def score(self, features: np.ndarray) -> float:
        """digits-FID of features (N, 32): 0 is the best.

        ``100 * Fréchet / trace(Cov_real)``: the division makes values of
        different feature networks comparable; always emitting the mean
        feature of the real images scores 100.
        """
        return _score(Moments.of(features), self.train)


def _score(moments: Moments, real: Moments) -> float:
    return 100 * frechet_distance(moments, real) / float(np.trace(real.cov))


def digits_reference(size: int = 16,
                     seed: int = 0,
                     path: str | Path | None = None) -> DigitsReference:
    """What generated digits are compared with.

    Args:
        size: Side of the images in pixels, 16 or 32.
        seed: Seed of the feature network.
        path: File of the feature network, see
            :func:`mmgancomp.evaluation.feature_store.load_features`.

    Raises:
        ConfigError: For another size, or a file that cannot be used.
    """
    check_choice('size', size, DIGIT_SIZES)
    network = load_features(Recipe(size=size, seed=seed), path).network
    if id(network) not in _references:
        seen, held_out = (
            extract(network, digit_tensors(split, size)[0])[0]
            for split in SPLITS)
        train = Moments.of(seen)
        _references[id(network)] = DigitsReference(
            network, train, _score(Moments.of(held_out), train))
    return _references[id(network)]


def as_grey(images: Tensor, size: int, key: str = 'images') -> Tensor:
    """Images (N, 1 or 3, size, size) as grey ones, (N, 1, size, size).

    Raises:
        ConfigError: For images of another size or number of channels.
    """
    if images.ndim != 4 or images.shape[1] not in (
            1, 3) or images.shape[2:] != (size, size):
        raise ConfigError.at(
            key, tuple(images.shape),
            f'digits-FID at size={size} takes (N, 1, {size}, {size}) or '
            f'(N, 3, {size}, {size}): change size=, or the output size and '
            'channels of the generator')
    return images.mean(1, keepdim=True)


def digits_fid(images: Tensor,
               labels: Tensor | None = None,
               *,
               seed: int = 0,
               path: str | Path | None = None) -> dict[str, float]:
    """Score generated digits against the real training images.

    Use about 2,000 images with equally many of each class: fewer are biased
    upwards, and an uneven class mix costs more than most differences
    between models.

    Args:
        images: Shape (N, 1, S, S) or (N, 3, S, S), S 16 or 32, values in
            [-1, 1], ink bright.
        labels: What each image should show, shape (N, ), if known.
        seed: Seed of the feature network.
        path: File of the feature network instead of the cache.

    Returns:
        ``fid`` (0 is best, above 60 is destroyed), ``floor`` (what held-out
        real images score) and, with labels, ``agreement`` (share of the
        images that the classifier takes for their label, 0-1).

    Raises:
        ConfigError: For images of another shape.
    """
    size = images.shape[-1] if images.ndim == 4 else None
    if size not in DIGIT_SIZES:
        raise ConfigError.at(
            'images', tuple(images.shape),
            'digits-FID takes (N, 1 or 3, S, S) with S 16 or 32')
    grey = as_grey(images.detach().float().cpu(), size)
    reference = digits_reference(size, seed, path)
    features, guesses = extract(reference.network, grey)
    scores = dict(fid=reference.score(features), floor=reference.floor)
    if labels is not None:
        wanted = torch.as_tensor(labels).flatten().cpu().numpy()
        scores['agreement'] = float((guesses == wanted).mean())
    return scores

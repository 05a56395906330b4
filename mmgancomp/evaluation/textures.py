"""A tiny classifier of textures, and the share of crops it takes for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from mmagic.evaluation.metrics.base_sample_wise_metric import (
    BaseSampleWiseMetric,
)
from torch import Tensor, nn

from mmgancomp.errors import ConfigError, closest
from mmgancomp.images import PHOTOS, check_choice, photo_area
from mmgancomp.registry import METRICS

from .features import reproducible
from .frechet import Moments, frechet_distance

_STEPS, _BATCH, _SIZE = 150, 32, 32
_REAL_CROPS = 1000


class TextureNetwork(nn.Sequential):
    """Grey images (N, 1, S, S), S at least 16, to scores of each texture.

    It sees every image with its own mean and spread removed, so it cannot
    decide by brightness or contrast.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.InstanceNorm2d(1), nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(16, len(PHOTOS)))

    @torch.no_grad()
    def features(self, images: Tensor) -> np.ndarray:
        """What the last layer decides by, (N, 16)."""
        for layer in list(self)[:-1]:
            images = layer(images)
        return images.numpy()


@cache
def texture_network() -> TextureNetwork:
    """The classifier, trained on the training areas in about a second."""
    with reproducible(0):
        generator = torch.Generator().manual_seed(0)
        areas = [torch.from_numpy(photo_area(p, 'train')) for p in PHOTOS]
        network = TextureNetwork()
        optimizer = torch.optim.Adam(network.parameters(), 5e-3)
        for _ in range(_STEPS):
            labels = torch.randint(
                len(PHOTOS), (_BATCH, ), generator=generator)
            crops = torch.stack(
                [_crop(areas[label], generator) for label in labels])
            loss = F.cross_entropy(network(crops[:, None]), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval().requires_grad_(False)


def _crop(area: Tensor, generator: torch.Generator) -> Tensor:
    row, column = (
        int(torch.randint(side - _SIZE + 1, (), generator=generator))
        for side in area.shape)
    return area[row:row + _SIZE, column:column + _SIZE]


@cache
def real_features(photo: str) -> np.ndarray:
    """Features of 1,000 crops of a photograph's training area, (1000, 16)."""
    generator = torch.Generator().manual_seed(0)
    area = torch.from_numpy(photo_area(photo, 'train'))
    crops = [_crop(area, generator) for _ in range(_REAL_CROPS)]
    return texture_network().features(torch.stack(crops)[:, None])


def texture_distance(features: np.ndarray, photo: str) -> float:
    """How far features (N, 16) are from those of a photograph's real crops.

    ``100 * Fréchet / trace(Cov)`` with the covariance of all photographs'
    real crops together, so that the textures themselves are far apart.
    """
    pooled = Moments.of(np.concatenate([real_features(p) for p in PHOTOS]))
    distance = frechet_distance(
        Moments.of(features), Moments.of(real_features(photo)))
    return 100 * distance / float(np.trace(pooled.cov))


@METRICS.register_module()
class TextureShare(BaseSampleWiseMetric):
    """Whether translated crops look like the texture they should be.

    In the log, per domain: ``<domain>``, the share in 0-1 of the images
    ``fake_<domain>`` that a classifier of brick and gravel calls right, and
    ``<domain>_fd``, the distance of their features to those of real crops,
    see :func:`texture_distance` (absent for a single image). The classifier
    takes all crops that it never saw for what they are.

    Args:
        photos: The photograph behind each domain that the model makes.
            Defaults to that of ``configs/_base_/datasets/textures_32.py``.
        **kwargs: Of MMagic's paired metrics.

    Raises:
        ConfigError: For an unknown photograph, or a domain that the model
            does not make.
    """

    metric = 'share'
    default_prefix = 'texture-share'

    def __init__(self, photos: dict[str, str] | None = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.photos = dict(photos or dict(photo='brick', mask='gravel'))
        for domain, photo in self.photos.items():
            check_choice(f'photos.{domain}', photo, PHOTOS)

    def process(self, data_batch: Sequence[dict],
                data_samples: Sequence[dict]) -> None:
        """Classify every translated image of a batch."""
        for sample in data_samples:
            found = {}
            for domain, photo in self.photos.items():
                key = f'fake_{domain}'
                if key not in sample:
                    raise ConfigError.at(
                        f'photos.{domain}', photo,
                        f'the model gives no {key}; {closest(key, sample)}')
                found[domain] = texture_network().features(
                    _grey(sample[key]))[0]
            self.results.append(found)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Share of right names and distance, per domain."""
        scores = {}
        for domain, photo in self.photos.items():
            found = np.stack([result[domain] for result in results])
            scores[domain] = float((_guesses(found) == photo).mean())
            if len(found) > 1:
                scores[f'{domain}_fd'] = texture_distance(found, photo)
        return scores


def _grey(image: Tensor) -> Tensor:
    """A (C, H, W) image as a batch of one grey one."""
    return image.detach().float().cpu().mean(0)[None, None]


@torch.no_grad()
def _guesses(features: np.ndarray) -> np.ndarray:
    """What images with these features look like."""
    scores = texture_network()[-1](torch.from_numpy(features))
    return np.array(PHOTOS)[scores.argmax(1).numpy()]

"""A tiny classifier of textures, and the share of crops it takes for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

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

_STEPS, _BATCH, _SIZE = 150, 32, 32


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


@METRICS.register_module()
class TextureShare(BaseSampleWiseMetric):
    """How many translated crops are taken for the texture they should be.

    In the log, per domain: ``<domain>``, the share in 0-1 of the images
    ``fake_<domain>`` that a classifier of brick and gravel calls right.
    It takes all crops that were never seen for what they are.

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
                found[domain] = _name(sample[key]) == photo
            self.results.append(found)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Share of right names per domain."""
        return {
            domain: sum(found[domain] for found in results) / len(results)
            for domain in self.photos
        }


def _name(image: Tensor) -> str:
    """What a (C, H, W) image looks like."""
    grey = image.detach().float().cpu().mean(0)[None, None]
    with torch.no_grad():
        return PHOTOS[int(texture_network()(grey).argmax())]

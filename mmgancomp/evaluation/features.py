"""The small classifier of digits whose features digits-FID compares."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgancomp.images import digits

__all__ = [
    'STANDARD', 'FeatureNetwork', 'Recipe', 'accuracy_of', 'digit_tensors',
    'train_feature_network'
]


@dataclass(frozen=True)
class Recipe:
    """Everything that the trained weights depend on, besides the images.

    Attributes:
        size: Side of the images in pixels, 16 or 32.
        seed: Seed of the initial weights, the order and the augmentation.
        epochs: Passes over the training split.
        batch: Images per step.
        max_lr: Peak of the one-cycle learning rate.
        shift: Largest random shift in 16ths of the image, both ways.
        noise: Standard deviation of the noise added to the images, which
            are in [-1, 1].
        smoothing: Label smoothing.
    """

    size: int = 16
    seed: int = 0
    epochs: int = 25
    batch: int = 50
    max_lr: float = 1e-2
    shift: int = 1
    noise: float = 0.1
    smoothing: float = 0.05

    def digest(self) -> str:
        """Hex digest of the recipe and of the images it is trained on."""
        images, labels = digits('train', self.size)
        digest = hashlib.sha256(
            json.dumps(asdict(self), sort_keys=True).encode())
        digest.update(images.tobytes())
        digest.update(labels.tobytes())
        return digest.hexdigest()


STANDARD = Recipe()
"""The recipe of the network that metrics use."""


class FeatureNetwork(nn.Module):
    """Three convolutions, 32 linear features, ten classes.

    Args:
        size: Side of the grey images it takes, 16 or 32. At 16 pixels it
            has 30,954 parameters.
    """

    def __init__(self, size: int = 16) -> None:
        super().__init__()
        self.size = size
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32),
            nn.ReLU(), nn.Conv2d(32, 32, 3, stride=2, padding=1),
            nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
            nn.Linear(32 * (size // 4)**2, 32))
        self.head = nn.Linear(32, 10)

    def features(self, images: Tensor) -> Tensor:
        """Images (N, 1, size, size) in [-1, 1] to features (N, 32)."""
        return self.body(images)

    def classify(self, features: Tensor) -> Tensor:
        """Features (N, 32) to class scores (N, 10)."""
        return self.head(F.relu(features))

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 1, size, size) in [-1, 1] to class scores (N, 10)."""
        return self.classify(self.features(images))


def digit_tensors(split: str, size: int) -> tuple[Tensor, Tensor]:
    """The digits of a split as (N, 1, size, size) in [-1, 1], and labels."""
    images, labels = digits(split, size)
    tensor = torch.from_numpy(images)[:, None].float()
    return tensor / 127.5 - 1, torch.from_numpy(labels)


@contextlib.contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """One thread, gradients as by default, and a private global RNG.

    The sums inside a convolution depend on the number of threads; with one,
    the same bits come out however the process is set up.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), \
                torch.inference_mode(False), torch.enable_grad():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _shift(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Move every image by its own random number of pixels, edges black."""
    count, _, side, _ = images.shape
    padded = F.pad(images, [reach] * 4, value=-1.)
    start = torch.randint(2 * reach + 1, (2, count, 1), generator=generator)
    rows, columns = start + torch.arange(side)
    which = torch.arange(count)[:, None, None]
    return padded[which, 0, rows[:, :, None], columns[:, None, :]][:, None]


def train_feature_network(recipe: Recipe = STANDARD) -> FeatureNetwork:
    """Train the network on the training split, about three CPU-seconds.

    The result depends on the recipe and the installed torch only: it leaves
    the global random state as it was and gives the same bits each time.

    Returns:
        The network in eval mode, without gradients.
    """
    images, labels = digit_tensors('train', recipe.size)
    reach = recipe.shift * recipe.size // 16
    with reproducible(recipe.seed):
        generator = torch.Generator().manual_seed(recipe.seed)
        network = FeatureNetwork(recipe.size)
        optimizer = torch.optim.Adam(network.parameters(), recipe.max_lr)
        steps = len(images) // recipe.batch
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.max_lr, total_steps=steps * recipe.epochs)
        for _ in range(recipe.epochs):
            order = torch.randperm(len(images), generator=generator)
            for step in range(steps):
                chosen = order[step * recipe.batch:][:recipe.batch]
                batch = _shift(images[chosen], reach, generator)
                batch = batch + recipe.noise * torch.randn(
                    batch.shape, generator=generator)
                loss = F.cross_entropy(
                    network(batch),
                    labels[chosen],
                    label_smoothing=recipe.smoothing)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return network.eval().requires_grad_(False)


def accuracy_of(network: FeatureNetwork, split: str = 'test') -> float:
    """Share of a split's digits that the network names correctly, 0-1."""
    images, labels = digit_tensors(split, network.size)
    with torch.no_grad():
        return float((network(images).argmax(1) == labels).double().mean())


def extract(network: FeatureNetwork,
            images: Tensor,
            batch: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, 32) and predicted labels (N, ) of images in [-1, 1].

    One thread and batches of one size, so that the bits don't depend on the
    process.
    """
    features, labels = [], []
    with reproducible(0), torch.no_grad():
        for part in images.split(batch):
            feature = network.features(part)
            features.append(feature)
            labels.append(network.classify(feature).argmax(1))
    return torch.cat(features).numpy(), torch.cat(labels).numpy()

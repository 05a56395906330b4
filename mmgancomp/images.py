"""Real images that scikit-learn and scikit-image carry in their wheels.

Plain arrays, read from the installed packages without any download, and
divided once and for all into a training part and a held-out part. Nothing
here needs MMEngine or MMagic: the datasets and the metrics both build on it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from mmgancomp.errors import ConfigError, closest

__all__ = [
    'DIGIT_SIZES', 'PHOTOS', 'SPLITS', 'digits', 'photo_area', 'soft_edges'
]

SPLITS = ('train', 'test')
DIGIT_SIZES = (16, 32)
PHOTOS = ('brick', 'gravel')

_HELD_OUT_DIGITS = 597
_SPLIT_SEED = 0
_POOL = 2
_TRAIN_SHARE = 0.75
_EDGE_PERCENTILE = 98


def check_choice(key: str, value: Any, known: tuple) -> None:
    """Raise a ConfigError unless ``value`` is one of ``known``.

    Args:
        key: Name of the setting, for the message.
        value: What the user gave.
        known: What is allowed.
    """
    # `in` alone would take True for 1 and an array for an error of numpy's.
    if type(value) is not type(known[0]) or value not in known:
        raise ConfigError.at(key, value,
                             closest(str(value), map(str, known)))


@cache
def _digit_scans() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All 8x8 scans (values 0-16), their labels, and who is held out."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
        scans = load_digits()
    except (ImportError, OSError) as error:
        raise ConfigError(
            'the handwritten digits are part of the scikit-learn package, '
            f'which cannot be read here ({error}): reinstall scikit-learn'
        ) from error
    _, held_out = train_test_split(
        np.arange(len(scans.target)),
        test_size=_HELD_OUT_DIGITS,
        random_state=_SPLIT_SEED,
        stratify=scans.target)
    is_held_out = np.zeros(len(scans.target), dtype=bool)
    is_held_out[held_out] = True
    return (scans.images.astype(np.float32),
            scans.target.astype(np.int64), is_held_out)


def digits(split: str, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of one half of a fixed, stratified split.

    Args:
        split: ``'train'`` (1,200 images) or ``'test'`` (597 images).
        size: Side in pixels, 16 or 32; the 8x8 scans are enlarged
            bilinearly.

    Returns:
        uint8 images of shape (N, size, size) with the full range 0-255, ink
        bright on black, and int64 labels of shape (N, ). Both are copies.

    Raises:
        ConfigError: For another split or size, or without the data.
    """
    check_choice('split', split, SPLITS)
    check_choice('size', size, DIGIT_SIZES)
    scans, labels, is_held_out = _digit_scans()
    mine = is_held_out if split == 'test' else ~is_held_out
    images = F.interpolate(
        torch.from_numpy(scans[mine])[:, None] * (255 / 16),
        size=(size, size),
        mode='bilinear',
        align_corners=False)
    return images[:, 0].round().to(torch.uint8).numpy(), labels[mine]


def photo_area(name: str, split: str) -> np.ndarray:
    """The training or the held-out area of a texture photograph.

    The 512x512 photograph is average-pooled by 2, so that a crop of 32
    pixels shows more than one brick or stone. Its left three quarters are
    for training, the rest is held out: no pixel is in both.

    Args:
        name: ``'brick'`` or ``'gravel'``.
        split: ``'train'`` or ``'test'``.

    Returns:
        Grey float32 image in 0-255: 256x192 for training, 256x64 held out.

    Raises:
        ConfigError: For another name or split, or without the data.
    """
    check_choice('photo', name, PHOTOS)
    check_choice('split', split, SPLITS)
    pooled = _photo(name)
    border = int(pooled.shape[1] * _TRAIN_SHARE)
    area = pooled[:, :border] if split == 'train' else pooled[:, border:]
    return area.copy()


def soft_edges(name: str, split: str) -> np.ndarray:
    """Edges of a photograph: its Sobel magnitude, scaled and clipped.

    The 98th percentile of the training area becomes white. Each area is
    filtered by itself, so that no edge is computed from pixels of both.

    Args:
        name: ``'brick'`` or ``'gravel'``.
        split: ``'train'`` or ``'test'``.

    Returns:
        Grey float32 image in 0-255, of the shape of :func:`photo_area`.

    Raises:
        ConfigError: As :func:`photo_area`.
    """
    area = photo_area(name, split)
    # Imported late: scikit-image takes a moment, and digits don't need it.
    from skimage.filters import sobel
    white = np.percentile(sobel(photo_area(name, 'train')), _EDGE_PERCENTILE)
    return (sobel(area) / white).clip(0, 1).astype(np.float32) * 255


@cache
def _photo(name: str) -> np.ndarray:
    try:
        # Not skimage.data.brick(): that may go to the network.
        from skimage.io import imread
        image = imread(str(files('skimage') / 'data' / f'{name}.png'))
    except (ImportError, OSError) as error:
        raise ConfigError(
            f'the photograph {name}.png is part of the scikit-image package, '
            f'which cannot be read here ({error}): reinstall scikit-image'
        ) from error
    image = torch.from_numpy(np.asarray(image, dtype=np.float32))
    return F.avg_pool2d(image[None, None], _POOL)[0, 0].numpy()

"""Random images for configs whose data nobody has at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ['random_images']


def _save(path: Path, height: int, width: int) -> None:
    """Write a random image."""
    from PIL import Image
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.randint(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def random_images(config: Any, folder: Path) -> None:
    """Let a config read random images in place of its own data.

    Args:
        config: A config of a stock data set; it is changed.
        folder: Where the images go.
    """
    dataset = config.train_dataloader.dataset
    if dataset.type.startswith('mmgancomp.'):
        return  # real images that come with a library
    names = [f'{i}.png' for i in range(4)]
    if dataset.type == 'CIFAR10':
        for name in names:
            _save(folder / name[0] / name, 32, 32)
        config.train_dataloader.dataset = dict(
            type='BasicConditionalDataset',
            data_root=str(folder),
            pipeline=[
                dict(type='LoadImageFromFile', key='gt'),
                dict(type='PackInputs')
            ])
        return
    dataset.data_root = str(folder)
    if dataset.type == 'BasicConditionalDataset':
        for name in names:
            _save(folder / name[0] / name, 96, 96)
        return
    parts = {
        'UnpairedImageDataset': ['trainA', 'trainB'],
        'PairedImageDataset': ['train']
    }.get(dataset.type, ['.'])
    paired = dataset.type == 'PairedImageDataset'
    for part in parts:
        for name in names:
            _save(folder / part / name, 256, 512 if paired else 256)

"""Configs at full size, cut short, on random images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ['random_images', 'shortened']

# Of data sets that are more than images in folders.
_EDGES = dict(CIFAR10=32, ImageNet=128)


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
    if dataset.type in _EDGES:
        for name in names:
            _save(folder / name[0] / name, *[_EDGES[dataset.type]] * 2)
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
    if 'img' in (dataset.get('data_prefix') or {}):
        # Small images and large ones, of one name.
        for name in names:
            _save(folder / 'small' / name, 48, 48)
            _save(folder / 'large' / name, 192, 192)
        dataset.data_prefix = dict(img='small', gt='large')
        dataset.ann_file = ''
        dataset.filename_tmpl = dict(img='{}', gt='{}')
        return
    parts = {
        'UnpairedImageDataset': ['trainA', 'trainB'],
        'PairedImageDataset': ['train']
    }.get(dataset.type, ['.'])
    paired = dataset.type == 'PairedImageDataset'
    for part in parts:
        for name in names:
            _save(folder / part / name, 256, 512 if paired else 256)


def shortened(config: Any, folder: Path, updates: int = 1) -> Any:
    """Make a config train for a few updates of the generator.

    Args:
        config: It is changed, and returned.
        folder: Where its data and its work folder go.
        updates: How many.
    """
    random_images(config, folder / 'data')
    config.merge_from_dict({
        'work_dir': str(folder / 'run'),
        # Two: BatchNorm wants several, StyleGAN2's path lengths half of it.
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'train_cfg.max_iters': (
            updates * config.model.get('discriminator_steps', 1)),
        'train_cfg.val_interval': 100,
        'default_hooks.checkpoint.save_last': False,
        # They look at metrics, and there is no validation.
        'default_hooks.checkpoint.save_best': None,
        'custom_hooks': [],
        'param_scheduler': None,
        **{
            f'{part}_{key}': None
            for part in ('val', 'test')
            for key in ('dataloader', 'cfg', 'evaluator')
        }
    })
    config.default_hooks.checkpoint.pop('rule', None)
    if 'perceptual_loss' in config.model:
        # Its network would be downloaded.
        config.model.perceptual_loss = None
    return config

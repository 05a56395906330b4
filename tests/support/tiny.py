"""Stock configs made tiny: seconds on a CPU, real images, no network.

Every config is a real file whose first line is ``_base_ = 'mmagic::…'``, so
the same file can be handed to any training script. Only sizes, data and
intervals are overridden; what stock MMagic gets wrong on today's torch is
left as it is, for ``mmgancomp.repairs`` to mend. StyleGAN2 has no option
that makes it narrow at 16 px, so its networks are subclasses of the stock
ones (``tiny_stylegan2.py``) unless ``narrow=False``.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine import Config, DefaultScope
from torch import nn

from mmgancomp.files import write_whole

__all__ = [
    'FAMILIES', 'FOUND', 'SIZES', 'STOCK_WARNINGS', 'config', 'images',
    'model', 'network_config', 'stock_model'
]

FAMILIES = {
    'stylegan2':
    'styleganv2/stylegan2_c2_8xb4-800kiters_lsun-church-256x256.py',
    'biggan':
    'biggan/biggan_2xb25-500kiters_cifar10-32x32.py',
    'sagan':
    'sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    'sngan_proj':
    'sngan_proj/'
    'sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    'dcgan':
    'dcgan/dcgan_1xb128-300kiters_celeba-cropped-64.py',
    'cyclegan':
    'cyclegan/cyclegan_lsgan-resnet-in_1xb1-80kiters_facades.py',
    'pix2pix':
    'pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py',
    'srgan':
    'srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py',
    'esrgan':
    'esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py',
}
"""Family name -> its stock config, below ``mmagic::``."""

FOUND = 'searched'
"""DCGAN with a searched generator: no stock family, so not among them."""

_STOCK = FAMILIES | {FOUND: FAMILIES['dcgan']}

SIZES = dict.fromkeys(_STOCK, 32) | dict(stylegan2=16)
"""Image edge in pixels; of the small images in super-resolution."""

STOCK_WARNINGS = [
    # Building most stock networks, StyleGAN2's layers, Pix2Pix's loss.
    pytest.mark.filterwarnings('ignore:Unnecessary conv bias:UserWarning'),
    pytest.mark.filterwarnings('ignore:Since aten:UserWarning'),
    pytest.mark.filterwarnings('ignore:size_average and reduce:UserWarning'),
]
"""``pytestmark`` of test modules that build or train these models."""

_RUNS = itertools.count()

_LARGE = ('cyclegan', 'srgan', 'esrgan')

_CONDITIONAL = dict(
    num_classes=3,
    generator=dict(num_classes=3, base_channels=16),
    discriminator=dict(num_classes=3, base_channels=16),
    discriminator_steps=2)

_MODELS = dict(
    stylegan2=dict(
        generator=dict(
            type='TinyStyleGAN2Generator',
            out_size=16,
            style_channels=16,
            num_mlps=2),
        discriminator=dict(type='TinyStyleGAN2Discriminator', in_size=16),
        loss_config=dict(r1_interval=4, g_reg_interval=4)),
    biggan=dict(
        num_classes=3,
        generator=dict(num_classes=3, base_channels=4, noise_size=16),
        discriminator=dict(num_classes=3, base_channels=4),
        discriminator_steps=2,
        ema_config=dict(start_iter=1, momentum=0.1)),
    sagan=_CONDITIONAL,
    sngan_proj=_CONDITIONAL,
    dcgan=dict(
        noise_size=16,
        generator=dict(output_scale=32, base_channels=32),
        discriminator=dict(input_scale=32, base_channels=8)),
    searched=dict(
        noise_size=16,
        generator=dict(
            _delete_=True,
            type='mmgancomp.DerivedGenerator',
            genotype='alphagan_s',
            base_channels=8),
        discriminator=dict(input_scale=32, base_channels=8)),
    cyclegan=dict(
        generator=dict(base_channels=8, num_blocks=2),
        discriminator=dict(base_channels=8, num_conv=2)),
    pix2pix=dict(
        generator=dict(base_channels=8, num_down=5),
        discriminator=dict(base_channels=8, num_conv=2)),
    srgan=dict(
        generator=dict(mid_channels=8, num_blocks=1),
        discriminator=dict(mid_channels=4),
        perceptual_loss=None),
    esrgan=dict(
        # Without weights and VGG, which would be downloaded.
        generator=dict(
            mid_channels=8, num_blocks=1, growth_channels=4, init_cfg=None),
        discriminator=dict(mid_channels=4),
        perceptual_loss=None),
)


@cache
def images() -> Path:
    """Folder of small PNG files made from scikit-learn's digits, cached.

    ``flat16`` and ``flat32`` hold images, ``classes/0`` … ``classes/2``
    labelled ones, ``unpaired/trainA`` and so on two domains, and
    ``paired/train`` A|B pairs side by side, ``test*`` likewise.
    """
    root = Path(tempfile.gettempdir()) / f'mmgancomp-tiny-{os.getuid()}-v1'
    if not root.is_dir():
        # Filled elsewhere and renamed: several test processes may race.
        fresh = Path(tempfile.mkdtemp(dir=root.parent, prefix='tiny-'))
        _write_images(fresh)
        try:
            fresh.rename(root)
        except OSError:  # another process was first
            shutil.rmtree(fresh)
    return root


def _write_images(root: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits
    digits = load_digits(n_class=3)
    rng = np.random.default_rng(0)
    for index in range(24):
        ink = digits.images[index] / 16.
        colour = rng.uniform(0.4, 1., 3)
        tinted = np.round(255 * ink[..., None] * colour).astype(np.uint8)
        image = Image.fromarray(tinted).resize((32, 32), Image.BILINEAR)
        negative = Image.fromarray(255 - np.asarray(image))
        pair = Image.fromarray(
            np.concatenate([np.asarray(image),
                            np.asarray(negative)], axis=1))
        part = 'train' if index < 16 else 'test'
        for path, picture in {
                'flat16': image.resize((16, 16), Image.BILINEAR),
                'flat32': image,
                f'classes/{digits.target[index]}': image,
                f'unpaired/{part}A': image,
                f'unpaired/{part}B': negative,
                f'paired/{part}': pair,
        }.items():
            (root / path).mkdir(parents=True, exist_ok=True)
            picture.save(root / path / f'{index:02d}.png')


def _dataset(family: str) -> dict:
    """A stock dataset type over :func:`images`."""
    size = SIZES[family]
    resize = dict(type='Resize', scale=(size, size))
    if family in ('cyclegan', 'pix2pix'):
        mapping = dict(img_photo='img_A', img_mask='img_B')
        keys = list(mapping)
        tail = [
            dict(resize, keys=['img_A', 'img_B'], interpolation='bicubic'),
            dict(
                type='KeyMapper',
                mapping=mapping,
                remapping={key: key for key in keys}),
            dict(type='PackInputs', keys=keys, data_keys=keys)
        ]
        if family == 'pix2pix':
            return dict(
                type='PairedImageDataset',
                data_root=str(images() / 'paired'),
                pipeline=[
                    dict(
                        type='LoadPairedImageFromFile',
                        key='pair',
                        domain_a='A',
                        domain_b='B',
                        color_type='color')
                ] + tail)
        load = [
            dict(type='LoadImageFromFile', key=key, color_type='color')
            for key in ('img_A', 'img_B')
        ]
        return dict(
            type='UnpairedImageDataset',
            data_root=str(images() / 'unpaired'),
            domain_a='A',
            domain_b='B',
            pipeline=load + tail)
    if family in ('srgan', 'esrgan'):
        # The stock discriminator takes 128 pixels and nothing else.
        return dict(
            type='BasicImageDataset',
            data_root=str(images() / 'flat32'),
            data_prefix=dict(gt=''),
            pipeline=[
                dict(type='LoadImageFromFile', key='gt', channel_order='rgb'),
                dict(type='CopyValues', src_keys=['gt'], dst_keys=['img']),
                dict(resize, keys='gt', scale=(128, 128)),
                dict(resize, keys='img'),
                dict(type='PackInputs')
            ])
    pipeline = [
        dict(type='LoadImageFromFile', key='gt'),
        dict(resize, keys='gt'),
        dict(type='PackInputs')
    ]
    if family in ('stylegan2', 'dcgan', FOUND):
        return dict(
            type='BasicImageDataset',
            data_root=str(images() / f'flat{size}'),
            data_prefix=dict(gt=''),
            pipeline=pipeline)
    return dict(
        type='BasicConditionalDataset',
        data_root=str(images() / 'classes'),
        pipeline=pipeline)


def _model_settings(family: str, narrow: bool) -> dict:
    settings = deepcopy(_MODELS[family])
    if family == 'stylegan2' and not narrow:
        del settings['generator']['type'], settings['discriminator']['type']
    return settings


def _settings(family: str, iterations: int, checkpoint: int) -> dict:
    settings = dict(
        env_cfg=dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo')),
        default_hooks=dict(
            logger=dict(interval=1),
            checkpoint=dict(
                _delete_=True,
                type='CheckpointHook',
                interval=checkpoint,
                by_epoch=False)),
        train_cfg=dict(max_iters=iterations),
        train_dataloader=dict(
            batch_size=2 if family in _LARGE else 4,
            num_workers=0,
            persistent_workers=False,
            dataset=dict(_delete_=True, **_dataset(family))))
    if family in ('srgan', 'esrgan'):
        # The stock configs of these leave the seed to chance.
        settings['randomness'] = dict(seed=2022, diff_rank_seed=True)
    return settings | dict.fromkeys(
        f'{part}_{key}' for part in ('val', 'test')
        for key in ('dataloader', 'cfg', 'evaluator'))


def _merged(base: dict, extra: dict) -> dict:
    """Merge dicts deeply, keeping ``_delete_`` for the stock config."""
    merged = dict(base)
    for key, value in extra.items():
        key, _, rest = key.partition('.')
        value = {rest: value} if rest else value
        if isinstance(value, dict) and '_delete_' not in value:
            old = merged.get(key)
            merged[key] = _merged(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _source(family: str, settings: dict) -> str:
    lines = [f'_base_ = {"mmagic::" + _STOCK[family]!r}']
    if 'TinyStyleGAN2' in repr(settings):
        lines += [
            'import sys', f'sys.path.append({str(Path(__file__).parent)!r})',
            "custom_imports = dict(imports=['tiny_stylegan2'])"
        ]
    lines += [f'{key} = {value!r}' for key, value in settings.items()]
    return '\n'.join(lines) + '\n'


def config(family: str,
           work_dir: str | Path,
           *,
           iterations: int = 8,
           checkpoint: int = 4,
           narrow: bool = True,
           **overrides: Any) -> Config:
    """A tiny config of one family, as a file in ``work_dir/source``.

    Validation and test are off (their loaders, loops and evaluators are
    None). The file's path is ``config(…).filename``; MMEngine dumps a
    flattened copy of the same name into ``work_dir`` itself.

    Args:
        family: A key of :data:`FAMILIES`, or :data:`FOUND`.
        work_dir: Where the file is written, and the config's ``work_dir``.
        iterations: ``train_cfg.max_iters``.
        checkpoint: Iterations between checkpoints.
        narrow: For StyleGAN2 only: 16 channels instead of the stock 512
            (20 million weights per network, seconds per iteration).
        **overrides: Further top-level entries, merged deeply. Dotted keys
            work by ``**{'model.discriminator_steps': 1}``.
    """
    settings = _settings(family, iterations, checkpoint)
    settings['model'] = _model_settings(family, narrow)
    settings['work_dir'] = str(work_dir)
    # MMEngine names runs by the second, and shares things between namesakes.
    settings['experiment_name'] = f'tiny_{family}_{os.getpid()}_{next(_RUNS)}'
    path = Path(work_dir) / 'source' / f'tiny_{family}.py'
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: two processes may write and read it at once.
    write_whole(path, _source(family, _merged(settings, overrides)))
    return Config.fromfile(path)


def network_config(family: str, role: str) -> dict[str, Any]:
    """The config of one network of :func:`model`, as the model builds it.

    Args:
        family: A key of :data:`FAMILIES`.
        role: ``'generator'`` or ``'discriminator'``.
    """
    source = _source(family, dict(model=_model_settings(family, True)))
    whole = Config.fromstring(source, '.py').model.to_dict()
    own = whole[role]
    # What the base class hands to its networks.
    for name, wanted in (('noise_size', 'generator'), ('num_classes', role)):
        if role == wanted and whole.get(name) is not None:
            own.setdefault(name, whole[name])
    return own


def _build(source: str) -> nn.Module:
    from mmagic.registry import MODELS
    model_config = Config.fromstring(source, '.py').model
    # Layers that the configs name by type only are MMagic's.
    with DefaultScope.overwrite_default_scope('mmagic'):
        return MODELS.build(model_config)


def model(family: str, *, narrow: bool = True, **overrides: Any) -> nn.Module:
    """Only the model of :func:`config`; ``overrides`` go to ``model``."""
    settings = _merged(_model_settings(family, narrow), overrides)
    return _build(_source(family, dict(model=settings)))


def stock_model(family: str, **overrides: Any) -> nn.Module:
    """The model of the stock config at its published size."""
    return _build(_source(family, dict(model=overrides)))

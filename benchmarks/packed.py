"""How small a packed file gets, and by which ``layers`` of the masks.

Stock generators at stock size, their weights as initialised: of the sizes
only which weights are masked matters, not their values.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

import mmgancomp.registry  # noqa: F401
from mmgancomp.evaluation.profile_model import Subject, subjects
from mmgancomp.export.sparse import write_sparse
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.settings import select_layers

__all__ = ['STOCK', 'measure']

DENSITIES = (0.1, 0.095, 0.09)
"""Tried in turn until the file is small enough."""

AIM = 0.14
"""Bytes of the file ÷ bytes of all its weights, dense in fp32."""

STOCK: dict[str, tuple[str, dict[str, Any] | None]] = {
    'StyleGAN2 256':
    ('styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py',
     dict(include=['*', 'style_mapping.*', '*.style_modulation.*'])),
    'BigGAN 128':
    ('biggan/biggan_ajbrock-sn_8xb32-1500kiters_imagenet1k-128x128.py',
     dict(include=['*', 'noise2feat.*', '*.gain.*', '*.bias.*'])),
    'BigGAN 32': ('biggan/biggan_2xb25-500kiters_cifar10-32x32.py',
                  dict(include=['*', 'noise2feat.*'])),
    'SAGAN 32': ('sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_'
                 'cifar10-32x32.py', dict(include=['*', 'noise2feat.*'])),
    'SNGAN-projection 32':
    ('sngan_proj/sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_'
     'cifar10-32x32.py', dict(include=['*', 'noise2feat.*'])),
    'DCGAN 64': ('dcgan/dcgan_1xb128-300kiters_celeba-cropped-64.py', None),
    'CycleGAN':
    ('cyclegan/cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py', None),
    'Pix2Pix':
    ('pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py', None),
    'SRGAN': ('srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py', None),
    'ESRGAN': ('esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py', None),
}
"""Name → stock config below ``mmagic::``, ``layers`` for the masks."""


def _masked(subject: Subject, spec: dict[str, Any] | None,
            density: float) -> Subject:
    masked = MaskedNetwork(
        subject.module,
        select_layers(subject.module, subject.family, spec, 'layers'))
    masked.prune(density=density)
    return replace(subject, masks=masked.masks)


def measure(name: str) -> dict[str, Any]:
    """Mask one family's generators, write them, and look at the file.

    Args:
        name: A key of :data:`STOCK`.
    """
    stock, layers = STOCK[name]
    config = Config.fromstring(f"_base_ = 'mmagic::{stock}'", '.py')
    # Its weights would be downloaded.
    config.model.pop('perceptual_loss', None)
    found: dict[str, Any] = {
        'layers': layers,
        'convolutions_alone': _written(config, None, DENSITIES[0])
    }
    for density in DENSITIES:
        reached = _written(config, layers, density)
        if density == DENSITIES[0]:
            found['with_layers'] = reached
        if reached['file_over_dense'] <= AIM:
            return {**found, 'density': density, 'file': reached}
    return found


def _written(config: Config, spec: dict[str, Any] | None,
             density: float) -> dict[str, Any]:
    chosen = [_masked(s, spec, density) for s in subjects(config)]
    with tempfile.TemporaryDirectory() as folder:
        file = write_sparse(Path(folder) / 'g.safetensors', chosen)
    return {
        'file_over_dense': round(file.bytes / file.dense, 4),
        'masked_over_dense': round(file.masked / file.masked_dense, 4),
        'largest_unmasked': file.largest
    }

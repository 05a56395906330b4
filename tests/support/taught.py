"""Configs with a teacher, in small, with the files that they start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.registry import DefaultScope

from mmgancomp.cli.common import load_config
from mmgancomp.runtime.building import build_model

__all__ = ['at_full_size', 'narrow', 'teach', 'weights']

_WIDTH = dict(base_channels=16)
_SMALL: dict[str, dict[str, Any]] = {
    'StyleGAN2': dict(
        generator=dict(out_size=16, style_channels=16),
        discriminator=dict(in_size=16)),
    'SRGAN': dict(
        generator=dict(mid_channels=8, num_blocks=1),
        discriminator=dict(mid_channels=4)),
    'ESRGAN': dict(
        generator=dict(mid_channels=8, num_blocks=1, init_cfg=None),
        discriminator=dict(mid_channels=4)),
}


def narrow(config: Config) -> Config:
    """The same config with networks that are built in no time.

    Of the networks that ``Slimmed`` narrows, what it is given is small.
    """
    model = config.model
    small = _SMALL.get(model.type,
                       dict(generator=_WIDTH, discriminator=_WIDTH))
    for part, settings in small.items():
        inner = model[part]
        (inner.network if 'network' in inner else inner).update(settings)
    if 'perceptual_loss' in model:
        # Its network would be downloaded.
        model.perceptual_loss = None
    return config


def weights(config: Config, path: Path) -> Path:
    """A checkpoint that fits a config."""
    with DefaultScope.overwrite_default_scope(
            'mmagic'), torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def teach(config: Config, folder: Path) -> Config:
    """A narrow config whose teachers are narrow, too, and there."""
    narrow(config)
    hook = config.default_hooks.get('distillation')
    if hook is None:
        return config
    given = hook.teacher.get('config')
    teacher = config if given is None else narrow(
        given if isinstance(given, Config) else load_config(given))
    path = folder / f'{Path(given or "own").stem}.pth'
    if not path.is_file():
        weights(teacher, path)
    if given is not None:
        hook.teacher.config = dict(model=teacher.model)
    hook.teacher.checkpoint = str(path)
    return config


def at_full_size(config: Config, folder: Path) -> Config:
    """A config whose teacher, as large as it says, has weights to read."""
    teacher = config.default_hooks.distillation.teacher
    model = load_config(teacher.config)
    if 'perceptual_loss' in model.model:
        # Its network would be downloaded.
        model.model.perceptual_loss = None
        teacher.config = dict(model=model.model)
    teacher.checkpoint = str(weights(model, folder / 'teacher.pth'))
    return config

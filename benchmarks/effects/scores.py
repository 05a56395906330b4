"""What a discriminator that has been trained says of a generator's images."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import nn

__all__ = ['teacher_score']

IMAGES = 2000


@cache
def _model(folder: Path) -> nn.Module:
    """The model of a finished run, with its last weights, in eval mode."""
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    import mmgancomp.registry  # noqa: F401
    from mmgancomp.runtime.building import build_model
    config = Config.fromfile(str(folder / 'config.py'))
    last = folder / f'iter_{config.train_cfg.max_iters}.pth'
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = build_model(config)
    state = torch.load(last, weights_only=True)['state_dict']
    model.load_state_dict(state)
    return model.eval()


@torch.no_grad()
def teacher_score(student: Path, teacher: Path) -> float:
    """Mean raw score of the student's EMA images, by the teacher's D.

    Args:
        student: Work folder of a finished run.
        teacher: Work folder of the teacher's.
    """
    generator = _model(student).generator_ema.module
    judge = _model(teacher).discriminator
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(IMAGES, generator.noise_size, generator=draw)
    labels = torch.arange(IMAGES) % generator.num_classes
    return float(judge(generator(noise, label=labels), label=labels).mean())

"""Self-supervised compression of CycleGAN, a brick wall and gravel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmgancomp.datasets import TexturesDataset
from mmgancomp.evaluation.textures import TextureShare

from .checks import at_least
from .study import Metric, Study
from .translation import arms, pairs

__all__ = ['METRICS', 'NOTE', 'STUDY']

ARMS = arms(
    'configs/demo/cyclegan_lsgan-resnet-in_textures-32x32.py',
    'configs/self_supervised/'
    'self-supervised-50_cyclegan_lsgan-resnet-in_textures-32x32.py',
    iterations=1000)
METRICS = {
    'texture-FD': Metric(['texture-share/photo_fd', 'texture-share/mask_fd']),
    'called brick': Metric(['texture-share/photo'], '.1%'),
    'called gravel': Metric(['texture-share/mask'], '.1%')
}
NOTE = (
    'texture-FD: mean of both directions, lower is better. «Called» is the '
    'share of translated crops that the classifier takes for the target; 64 '
    'crops of areas that were never trained on.')


def rows(models: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """The arms, and crops that no network has touched, for the scale."""
    found = {arm.name: {s: runs[-1] for s, runs in models[arm.name].items()}
             for arm in ARMS}
    crops = list(TexturesDataset(split='test', channels=3))
    brick, gravel = ([
        torch.from_numpy(crop[f'img_{photo}']).permute(2, 0, 1).float()
        for crop in crops
    ] for photo in ('brick', 'gravel'))
    fixed = {'real crops': _scores(brick, gravel),
             'untranslated': _scores(gravel, brick)}
    return {
        **{name: {seed: {'metrics': dict(scores)} for seed in found['dense']}
           for name, scores in fixed.items()}, **found
    }


def _scores(photo: list[Tensor], mask: list[Tensor]) -> dict[str, float]:
    metric = TextureShare()
    metric.process([], [dict(fake_photo=one, fake_mask=other)
                        for one, other in zip(photo, mask, strict=True)])
    scores = metric.compute_metrics(metric.results)
    return {f'texture-share/{name}': value for name, value in scores.items()}


STUDY = Study(
    'Brick and gravel (Self-Supervised GAN Compression of CycleGAN)',
    ARMS, [
        at_least('50 %, AGP + output L1', metric, 0.9,
                 f'output L1 keeps the translation at 50 %, {metric}')
        for metric in ('called brick', 'called gravel')
    ],
    metrics=METRICS,
    note=NOTE,
    rows=rows,
    pairs=pairs())

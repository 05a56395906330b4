"""Self-supervised compression of Pix2Pix, soft edges to gravel."""

from __future__ import annotations

from typing import Any

import torch

from mmgancomp.datasets import EdgesDataset
from mmgancomp.evaluation.paired import TranslatedPSNR, TranslatedSSIM
from mmgancomp.images import photo_area

from .checks import share_of_gain
from .study import Metric, Study
from .translation import arms, pairs

__all__ = ['CONSTANT', 'METRICS', 'NOTE', 'STUDY', 'constant']

ARMS = arms(
    'configs/demo/pix2pix_vanilla-unet-bn_edges-32x32.py',
    'configs/self_supervised/'
    'self-supervised-50_pix2pix_vanilla-unet-bn_edges-32x32.py',
    iterations=600)
CONSTANT = 'constant'
METRICS = {'SSIM': Metric(['edges/SSIM'], '.3f'),
           'PSNR, dB': Metric(['edges/PSNR'])}
NOTE = ('Higher is better; 64 crops of an area that was never trained on. '
        '«Constant» is the mean brightness of the training area everywhere.')


def rows(models: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """The arms, and what needs no network at all."""
    found = {arm.name: {s: runs[-1] for s, runs in models[arm.name].items()}
             for arm in ARMS}
    scores = constant()
    return {
        CONSTANT: {seed: {'metrics': dict(scores)}
                   for seed in found['dense']}, **found
    }


def constant() -> dict[str, float]:
    """Scores of the training area's mean brightness everywhere."""
    grey = float(photo_area('gravel', 'train').mean())
    samples = []
    for sample in EdgesDataset(
            split='test', channels=3, source_domain='mask',
            target_domain='photo'):
        real = torch.from_numpy(sample['img_photo']).permute(2, 0, 1).float()
        samples.append(dict(
            img_photo=real, fake_photo=torch.full_like(real, grey)))
    scores = {}
    for kind in (TranslatedPSNR, TranslatedSSIM):
        metric = kind(domain='photo', prefix='edges')
        metric.process([], samples)
        scores |= metric.compute_metrics(metric.results)
    return {f'edges/{name}': value for name, value in scores.items()}


STUDY = Study(
    'Edges to gravel (Self-Supervised GAN Compression of Pix2Pix)',
    ARMS, [
        share_of_gain('50 %, AGP + output L1', 'dense', CONSTANT, 'SSIM',
                      0.95, 'output L1 keeps what dense gains over a '
                      'constant, at 50 %')
    ],
    metrics=METRICS,
    note=NOTE,
    rows=rows,
    pairs=pairs())

"""Self-supervised compression of CycleGAN, a brick wall and gravel."""

from __future__ import annotations

from .checks import at_least
from .study import Metric, Study
from .translation import arms, pairs

__all__ = ['STUDY']

STUDY = Study(
    'Brick and gravel (Self-Supervised GAN Compression of CycleGAN)',
    arms('configs/demo/cyclegan_lsgan-resnet-in_textures-32x32.py',
         'configs/self_supervised/'
         'self-supervised-50_cyclegan_lsgan-resnet-in_textures-32x32.py',
         iterations=1000), [
        at_least('50 %, AGP + output L1', metric, 0.9,
                 f'output L1 keeps the translation at 50 %, {metric}')
        for metric in ('called brick', 'called gravel')
    ],
    metrics={
        'texture-FD': Metric(
            ['texture-share/photo_fd', 'texture-share/mask_fd']),
        'called brick': Metric(['texture-share/photo'], '.1%'),
        'called gravel': Metric(['texture-share/mask'], '.1%')
    },
    note='texture-FD: mean of both directions, lower is better, near 375 '
    'untranslated. «Called» is the share of translated crops that the '
    'classifier takes for the target; 64 crops of areas that were never '
    'trained on.',
    pairs=pairs())

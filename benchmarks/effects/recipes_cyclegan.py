"""Recipes for CycleGAN, a brick wall and gravel."""

from __future__ import annotations

from functools import partial

from .checks import at_least
from .recipes import CUT, SIZES, Recipes, macs, rows
from .study import Study
from .teacher_cyclegan import METRICS, NOTE

__all__ = ['ARMS', 'STUDY']

MAKE = Recipes('configs/demo/cyclegan_lsgan-resnet-in_textures-32x32.py',
               iterations=1000, updates=300)
HALF = 'half of the channels cut, output L1'
ALONE = 'half of the channels cut, no teacher'
SCRATCH = 'half width from scratch, output L1'
L1 = MAKE.taught()

ARMS = [
    MAKE.dense,
    MAKE.cut(),
    MAKE.arm(ALONE, MAKE.small(), cut=CUT),
    MAKE.arm(HALF, MAKE.small(), L1, cut=CUT),
    MAKE.arm(SCRATCH, MAKE.narrow, L1, cut=CUT),
]

STUDY = Study(
    'Recipes for CycleGAN, brick and gravel',
    ARMS, [
        at_least(HALF, metric, 0.9,
                 f'half of the channels keep the translation, {metric}')
        for metric in ('called brick', 'called gravel')
    ],
    metrics={**METRICS, **SIZES},
    note=NOTE,
    rows=partial(rows, ARMS),
    measure=macs(ARMS),
    pairs=[(HALF, ALONE), (SCRATCH, HALF)])

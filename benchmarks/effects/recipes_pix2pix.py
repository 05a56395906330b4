"""Recipes for Pix2Pix, soft edges to gravel."""

from __future__ import annotations

from typing import Any

from .checks import share_of_gain
from .recipes import CUT, DENSE, SIZES, Recipes, macs, rows
from .study import Study
from .teacher_pix2pix import CONSTANT, METRICS, NOTE, constant

__all__ = ['ARMS', 'STUDY']

MAKE = Recipes('configs/demo/pix2pix_vanilla-unet-bn_edges-32x32.py',
               iterations=600, updates=300)
ALONE = 'half of the channels cut, no teacher'
LIGHT = 'half of the channels cut, output L1 of weight 10'
HALF = 'half of the channels cut, output L1'
PARAMS = 'half of the parameters cut, output L1'
SCRATCH = 'half width from scratch, output L1'
MASKED = '75 % masked, output L1'
WIDER = 'params cut'
# As heavy as the stock loss of the pixels, but for one row.
L1 = MAKE.taught(100.)

ARMS = [
    MAKE.dense,
    MAKE.cut(),
    MAKE.cut(WIDER, ['--target', 'params=0.5']),
    MAKE.arm(ALONE, MAKE.small(), cut=CUT),
    MAKE.arm(LIGHT, MAKE.small(), MAKE.taught(10.), cut=CUT),
    MAKE.arm(HALF, MAKE.small(), L1, cut=CUT),
    MAKE.arm(PARAMS, MAKE.small(WIDER), L1, cut=WIDER),
    MAKE.arm(SCRATCH, MAKE.narrow, L1, cut=CUT),
    # As many weights as half of the channels have.
    MAKE.arm(MASKED, MAKE.masked(0.25), L1),
]


def with_constant(models: dict[str, Any]) -> dict[str, Any]:
    """The arms, and what needs no network at all."""
    found = rows(ARMS, models)
    scores = constant() | {'nonzero': 0.}
    return {
        CONSTANT: {seed: {'metrics': dict(scores)} for seed in found[DENSE]},
        **found
    }


STUDY = Study(
    'Recipes for Pix2Pix, edges to gravel',
    ARMS, [
        share_of_gain(HALF, DENSE, CONSTANT, 'SSIM', 0.8,
                      'half of the channels keep most of what dense gains '
                      'over a constant')
    ],
    metrics={**METRICS, **SIZES},
    note=NOTE,
    rows=with_constant,
    measure=macs(ARMS, nothing=[CONSTANT]),
    pairs=[(LIGHT, ALONE), (HALF, ALONE), (HALF, LIGHT), (HALF, DENSE),
           (PARAMS, HALF), (SCRATCH, HALF), (MASKED, HALF)])

"""Recipes on digits: channels cut, faded, never there; masks; with output L1.
"""

from __future__ import annotations

from functools import partial

from .checks import ratio
from .recipes import CUT, DENSE, SIZES, Recipes, macs, rows
from .study import DIGITS, Study

__all__ = ['ARMS', 'STUDY']

MAKE = Recipes('configs/demo/sngan-proj_digits-16x16.py', iterations=1500,
               updates=500,
               layers=dict(include=['*conv*.weight', 'noise2feat.*']))
RANKED = 'cut by one order'
ORDERED = 'as many parameters cut, one order of all channels, output L1'
HALF = 'half of the channels cut, output L1'
ALONE = 'half of the channels cut, no teacher'
TENTH = '90 % masked, output L1'
BOTH = 'half of the channels cut, 60 % masked, output L1'
FADED = 'half of the channels faded out, output L1'
SCRATCH = 'half width from scratch, output L1'
L1 = MAKE.taught()

ARMS = [
    MAKE.dense,
    MAKE.cut(),
    MAKE.cut(RANKED, ['--target', 'params=0.335', '--allocation', 'global']),
    MAKE.arm(ALONE, MAKE.small(), cut=CUT),
    MAKE.arm(HALF, MAKE.small(), L1, cut=CUT),
    MAKE.arm(SCRATCH, MAKE.narrow, L1, cut=CUT),
    MAKE.arm(BOTH, MAKE.small(), MAKE.masked(0.4), L1, cut=CUT),
    # As many weights as the last one.
    MAKE.arm(TENTH, MAKE.masked(0.1), L1),
    MAKE.arm(FADED, MAKE.fading, L1, cut=CUT),
    MAKE.arm(ORDERED, MAKE.small(RANKED), L1, cut=RANKED),
]

STUDY = Study(
    'Recipes on digits',
    ARMS, [
        ratio((ALONE, ), HALF, 1.25,
              'output L1 helps what has been cut, same updates'),
        ratio((SCRATCH, ), HALF, 1.25,
              'cutting beats half width from scratch, same updates')
    ],
    metrics={**DIGITS, **SIZES},
    rows=partial(rows, ARMS),
    measure=macs(ARMS),
    pairs=[(HALF, ALONE), (HALF, DENSE), (FADED, HALF), (ORDERED, HALF),
           (SCRATCH, HALF), (BOTH, TENTH), (BOTH, HALF)])

"""One search on digits, and three random networks beside what it found."""

from __future__ import annotations

from .alphagan import METRICS, arms, pairs, rows
from .study import Study

__all__ = ['STUDY']

STUDY = Study(
    'A search on digits, and random networks of the same size', arms(3),
    checks=[], seeds=(0, ), metrics=METRICS,
    note='digits-FID of the EMA generator, lower is better.', rows=rows,
    pairs=pairs(3))

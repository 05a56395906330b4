"""One search on digits, and three random networks beside what it found."""

from __future__ import annotations

from .alphagan import COLUMN, METRICS, arms, rows

__all__ = ['ARMS', 'CHECKS', 'COLUMN', 'METRICS', 'SEEDS', 'TITLE', 'rows']

TITLE = 'A search on digits, and random networks of the same size'
SEEDS = (0, )
ARMS = arms(3)
CHECKS: list = []

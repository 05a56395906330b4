"""Real images, offline: MMagic datasets over what Python wheels carry.

Importing this package registers :class:`DigitsDataset`,
:class:`TexturesDataset` and :class:`EdgesDataset` as ``mmgancomp.<name>``.
"""

from __future__ import annotations

from .digits import DigitsDataset
from .textures import EdgesDataset, TexturesDataset

__all__ = ['DigitsDataset', 'EdgesDataset', 'TexturesDataset']

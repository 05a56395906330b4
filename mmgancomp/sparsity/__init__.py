"""Masks on plain torch networks: which weights go, how many and when.

Nothing here needs MMagic or a Runner; the hook that applies masks during
training lives in :mod:`mmgancomp.sparsity.hook`.
"""

from .allocation import ERK, Allocation, Global, Uniform
from .criterion import Criterion, Magnitude, Random
from .drop_and_grow import DropAndGrow
from .fixed import Fixed
from .granularity import Element, Filter, Granularity, Kernel, NofM, Row
from .iterative import IMP
from .masked import MaskedNetwork
from .registry import ALLOCATIONS, CRITERIA, GRANULARITIES, SCHEDULES
from .schedule import AGP, OneShot, Schedule

__all__ = [
    'AGP', 'ALLOCATIONS', 'CRITERIA', 'ERK', 'GRANULARITIES', 'IMP',
    'SCHEDULES', 'Allocation', 'Criterion', 'DropAndGrow', 'Element',
    'Filter', 'Fixed', 'Global', 'Granularity', 'Kernel', 'Magnitude',
    'MaskedNetwork', 'NofM', 'OneShot', 'Random', 'Row', 'Schedule',
    'Uniform'
]

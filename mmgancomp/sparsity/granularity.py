"""What is removed as one piece: a weight, a row, a kernel, a filter."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.families.layers import MaskableWeight

from .registry import GRANULARITIES, build_named

__all__ = [
    'Element', 'Filter', 'Granularity', 'Kernel', 'NofM', 'Row',
    'build_granularity'
]


class Granularity(ABC):
    """Cuts a weight into groups that live or die together.

    Attributes:
        structured: Whether the last group of a layer must stay: a layer
            without a single filter, kernel or row passes no signal.
    """

    name: str
    structured = True

    @abstractmethod
    def reduce(self, values: Tensor, weight: MaskableWeight) -> Tensor:
        """Mean of each group, as a flat tensor in memory order of groups."""

    @abstractmethod
    def expand(self, groups: Tensor, weight: MaskableWeight,
               shape: torch.Size) -> Tensor:
        """The boolean mask of ``shape`` in which each group has its value."""

    def check(self, weight: MaskableWeight, shape: torch.Size) -> str | None:
        """Why this layer cannot be cut so, or None."""
        return None


@GRANULARITIES.register_module(name='element')
class Element(Granularity):
    """Single weights."""

    name = 'element'
    structured = False

    def reduce(self, values: Tensor, weight: MaskableWeight) -> Tensor:
        return values.flatten()

    def expand(self, groups: Tensor, weight: MaskableWeight,
               shape: torch.Size) -> Tensor:
        return groups.view(shape)


class _Trailing(Granularity):
    """Groups that are a run of trailing axes."""

    @abstractmethod
    def axes(self, weight: MaskableWeight) -> int:
        """How many trailing axes make one group."""

    def reduce(self, values: Tensor, weight: MaskableWeight) -> Tensor:
        axes = self.axes(weight)
        if axes:
            values = values.flatten(-axes).mean(-1)
        return values.flatten()

    def expand(self, groups: Tensor, weight: MaskableWeight,
               shape: torch.Size) -> Tensor:
        axes = self.axes(weight)
        lead = shape[:len(shape) - axes]
        mask = groups.view(*lead, *[1] * axes)
        return mask.expand(shape).contiguous()


@GRANULARITIES.register_module(name='row')
class Row(_Trailing):
    """A row of a kernel: its last axis. A linear layer has rows of one."""

    name = 'row'

    def axes(self, weight: MaskableWeight) -> int:
        return min(1, weight.kernel_dims)


@GRANULARITIES.register_module(name='kernel')
class Kernel(_Trailing):
    """The whole kernel between one input and one output channel."""

    name = 'kernel'

    def axes(self, weight: MaskableWeight) -> int:
        return weight.kernel_dims


@GRANULARITIES.register_module(name='filter')
class Filter(Granularity):
    """All weights that make one output channel.

    The output axis is 0 for a convolution, 1 for a transposed or a
    modulated one; a grouped transposed convolution counts its outputs per
    group.
    """

    name = 'filter'

    def reduce(self, values: Tensor, weight: MaskableWeight) -> Tensor:
        if weight.transposed and weight.groups > 1:
            values = values.view(weight.groups, -1, *values.shape[1:])
            return values.movedim(2, 1).flatten(2).mean(-1).flatten()
        return values.movedim(weight.out_axis, 0).flatten(1).mean(1)

    def expand(self, groups: Tensor, weight: MaskableWeight,
               shape: torch.Size) -> Tensor:
        if weight.transposed and weight.groups > 1:
            mask = groups.view(weight.groups, 1, shape[1],
                               *[1] * weight.kernel_dims)
            full = (weight.groups, shape[0] // weight.groups, *shape[1:])
            return mask.expand(full).reshape(shape)
        view = [1] * len(shape)
        view[weight.out_axis] = -1
        return groups.view(view).expand(shape).contiguous()


@GRANULARITIES.register_module(name='n:m')
class NofM(Granularity):
    """Keep n of every m weights along the flattened input axis.

    Args:
        n: Kept per block.
        m: Block length; every layer's inputs × kernel must be a multiple.

    Raises:
        MMGanCompError: Unless 0 < n < m.
    """

    def __init__(self, n: int = 2, m: int = 4) -> None:
        if not (type(n) is type(m) is int and 0 < n < m):
            raise MMGanCompError(
                'n:m keeps n of every m weights and needs whole numbers with '
                '0 < n < m; write for example "2:4"')
        self.n, self.m = n, m
        self.name = f'{n}:{m}'

    @property
    def density(self) -> float:
        """The only density that this pattern has."""
        return self.n / self.m

    def check(self, weight: MaskableWeight, shape: torch.Size) -> str | None:
        out = shape[weight.out_axis]
        if weight.transposed:
            out *= weight.groups
        inputs = shape.numel() // out
        if inputs % self.m:
            return f'{inputs} inputs are not a multiple of {self.m}'
        return None

    def mask(self, score: Tensor, weight: MaskableWeight) -> Tensor:
        """The mask that keeps the n best of each block, ties the later."""
        if weight.transposed and weight.groups > 1:
            split = score.view(weight.groups, -1, *score.shape[1:])
            rows = split.movedim(2, 1)
        else:
            split, rows = score, score.movedim(weight.out_axis, 0)
        lead = 2 if rows.dim() > score.dim() else 1
        blocks = rows.reshape(rows.shape[:lead].numel(), -1, self.m)
        order = blocks.argsort(dim=-1, stable=True)[..., self.m - self.n:]
        kept = torch.zeros_like(blocks, dtype=torch.bool)
        kept.scatter_(-1, order, True)
        kept = kept.view(rows.shape)
        back = kept.movedim(1, 2) if lead == 2 else kept.movedim(
            0, weight.out_axis)
        return back.reshape(score.shape).contiguous()

    def reduce(self, values: Tensor, weight: MaskableWeight) -> Tensor:
        return values.flatten()

    def expand(self, groups: Tensor, weight: MaskableWeight,
               shape: torch.Size) -> Tensor:
        return groups.view(shape)


def build_granularity(spec: Any, key: str = 'granularity') -> Granularity:
    """Build from a name; ``'2:4'`` and the like are n:m patterns."""
    if isinstance(spec, str):
        pattern = re.fullmatch(r'(\d+):(\d+)', spec)
        if pattern:
            n, m = map(int, pattern.groups())
            try:
                return NofM(n, m)
            except MMGanCompError as error:
                raise ConfigError.at(key, spec, str(error)) from None
    return build_named(GRANULARITIES, spec, key, Granularity)

"""Pick the k smallest of many numbers, exactly, without sorting them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ['smallest']

# Below this many numbers one kthvalue over all of them is fastest.
_SMALL = 1 << 20
_SAMPLE = 1 << 16

Score = Callable[[], Tensor]


def smallest(scores: Sequence[Score], count: int,
             alive: Sequence[Tensor]) -> list[Tensor]:
    """Mark the ``count`` smallest scores over all tensors together.

    Ties go to the lower flat index: tensors in the order given, then
    positions in memory order. The scores are never copied into one piece:
    a sample brackets the threshold, and only what falls between the brackets
    is collected. So the extra memory is that of one tensor and a few per
    cent of the whole.

    Args:
        scores: One function per tensor that returns its scores, any shape.
            It may be called several times and must return the same values.
        count: How many to mark, at most the number alive.
        alive: One boolean tensor per score; only ``True`` positions count.

    Returns:
        One boolean tensor per score, ``True`` where marked.

    Raises:
        ValueError: If ``count`` exceeds the number alive or a score is NaN.
    """
    total = sum(int(a.count_nonzero()) for a in alive)
    if not 0 <= count <= total:
        raise ValueError(f'cannot mark {count} of {total}')
    if count == 0:
        return [torch.zeros_like(a) for a in alive]
    if count == total:
        return [a.clone() for a in alive]
    threshold, below = _order_statistic(scores, count, alive, total)
    ties = count - below
    marked = []
    for score, live in zip(scores, alive):
        value = score()
        mark = (value < threshold).logical_and_(live)
        if ties:
            equal = (value == threshold).logical_and_(live).flatten()
            index = equal.nonzero().squeeze(1)[:ties]
            # Flat in logical order, whatever the order in memory.
            flat = mark.flatten()
            flat[index] = True
            mark = flat.view(mark.shape)
            ties -= index.numel()
        marked.append(mark)
    if sum(int(mark.count_nonzero()) for mark in marked) != count:
        raise ValueError('the scores are not comparable: NaN among them')
    return marked


def _order_statistic(scores: Sequence[Score], rank: int,
                     alive: Sequence[Tensor],
                     total: int) -> tuple[Tensor, int]:
    """The rank-th smallest value (from 1), and how many are below it."""
    if total > _SMALL:
        low, high = _bracket(scores, rank, alive, total)
    else:
        low, high = None, None
    middle, below = _between(scores, low, high, alive)
    if not below < rank <= below + middle.numel():
        middle, below = _between(scores, None, None, alive)
    value = middle.kthvalue(rank - below).values
    return value, below + int((middle < value).count_nonzero())


def _bracket(scores: Sequence[Score], rank: int, alive: Sequence[Tensor],
             total: int) -> tuple[Tensor | None, Tensor | None]:
    """Two values that very likely enclose the rank-th smallest."""
    stride = max(1, total // _SAMPLE)
    sample = torch.cat([
        score().flatten()[::stride][live.flatten()[::stride]]
        for score, live in zip(scores, alive)
    ]).sort().values
    n = sample.numel()
    if n < 100:
        return None, None
    share = rank / total
    margin = 6 * math.sqrt(n * share * (1 - share)) + 6
    first, last = int(share * n - margin), math.ceil(share * n + margin)
    return (sample[first] if first >= 0 else None,
            sample[last] if last < n else None)


def _between(scores: Sequence[Score], low: Tensor | None,
             high: Tensor | None,
             alive: Sequence[Tensor]) -> tuple[Tensor, int]:
    """All live scores in [low, high], and how many lie below low."""
    below, parts = 0, []
    for score, live in zip(scores, alive):
        value, live = score().flatten(), live.flatten()
        inside = live
        if high is not None:
            inside = inside & (value <= high)
        if low is not None:
            under = (value < low).logical_and_(live)
            below += int(under.count_nonzero())
            inside = inside & ~under
        parts.append(value[inside.nonzero().squeeze(1)])
    return torch.cat(parts), below

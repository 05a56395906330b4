"""One layer drops weights and grows as many others."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from mmgancomp.families.layers import MaskableWeight

from .granularity import Granularity
from .selection import smallest

__all__ = ['swap_groups']


def swap_groups(weight: Tensor,
                mask: Tensor,
                worth: Callable[[], Tensor],
                share: float,
                cut: Granularity,
                layer: MaskableWeight,
                exclude_dropped: bool = False) -> Tensor:
    """Drop the ⌈share · kept⌉ smallest groups, grow as many of most worth.

    Dropped groups may grow again in the same swap. Ties go to the lower
    flat index, and a group that is kept is never grown, so the count stays,
    even where all worths are zero. The largest group is never dropped: with
    all that grows at zero, nothing would pass the layer, and spectral norm
    would divide by zero.

    Args:
        weight: The layer's weight.
        mask: Its mask, of the same shape.
        worth: Gives how much each position deserves to grow, same shape;
            the tensor is used up. Asked last, for the sake of memory.
        share: Share of the kept groups to drop, in [0, 1].
        cut: What is dropped and grown as one piece.
        layer: The layer.
        exclude_dropped: Whether what is dropped cannot grow; then no more
            is dropped than was free before.

    Returns:
        The new mask.
    """
    alive = (cut.reduce(mask.float(), layer) > 0
             if cut.structured else mask.flatten())
    # A product that should be whole may miss it by one bit.
    total = int(alive.count_nonzero())
    count = max(0, min(math.ceil(share * total - 1e-9), total - 1))
    if exclude_dropped:
        count = min(count, int(alive.logical_not().count_nonzero()))
    kept = alive & ~_pick(cut.reduce(weight.abs(), layer), count, alive)
    free = ~(alive if exclude_dropped else kept)
    grown = _pick(cut.reduce(worth(), layer).neg_(), count, free)
    return cut.expand(kept | grown, layer, mask.shape)


def _pick(score: Tensor, count: int, among: Tensor) -> Tensor:
    return smallest([lambda: score], count, [among])[0]

"""New masks from old ones: over all layers together, or layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from mmgancomp.families.layers import MaskableWeight

from .counts import removed_count
from .criterion import Criterion
from .granularity import Granularity
from .selection import smallest

__all__ = ['global_masks', 'layer_masks']

Layer = tuple[MaskableWeight, Tensor, Tensor]


def global_masks(layers: Sequence[Layer], criterion: Criterion,
                 granularity: Granularity, removed: int) -> list[Tensor]:
    """Masks after the least important weights of the network went.

    Args:
        layers: (layer, weight to rank, present mask) of each.
        criterion: Scores weights.
        granularity: Groups them; a group's score is the mean of its weights,
            so that layers with groups of different size compete fairly.
        removed: How many weights are to be gone in all. Groups go whole, as
            long as this number is not exceeded.
    """
    gone = sum(int((~mask).count_nonzero()) for _, _, mask in layers)
    if removed <= gone:
        return [mask.clone() for _, _, mask in layers]
    if not granularity.structured:
        marks = smallest(
            [partial(criterion.score, w.name, v) for w, v, _ in layers],
            removed - gone, [mask for _, _, mask in layers])
        return [m.logical_not_().logical_and_(mask)
                for m, (_, _, mask) in zip(marks, layers)]
    return _global_groups(layers, criterion, granularity, removed - gone)


def _global_groups(layers: Sequence[Layer], criterion: Criterion,
                   granularity: Granularity, budget: int) -> list[Tensor]:
    scores, sizes, alive = [], [], []
    for weight, values, mask in layers:
        score = granularity.reduce(criterion.score(weight.name, values),
                                   weight)
        live = granularity.reduce(mask.float(), weight) > 0
        # The best group of a layer is no candidate: a layer keeps one.
        candidate = live.clone()
        candidate[score.masked_fill(~live, -1).argmax()] = False
        scores.append(score)
        alive.append((live, candidate))
        sizes.append(
            torch.full_like(score, values.numel() // score.numel(),
                            dtype=torch.int64))
    flat = torch.cat(scores).masked_fill(
        ~torch.cat([c for _, c in alive]), torch.inf)
    order = flat.sort(stable=True).indices
    order = order[flat[order] != torch.inf]
    cost = torch.cat(sizes)[order].cumsum(0)
    order = order[:int((cost <= budget).count_nonzero())]
    kept = torch.cat([live for live, _ in alive])
    kept[order] = False
    return [
        granularity.expand(part, weight, values.shape) & mask
        for part, (weight, values, mask) in zip(
            kept.split([len(s) for s in scores]), layers)
    ]


def layer_masks(layers: Sequence[Layer], criterion: Criterion,
                granularity: Granularity, densities: Sequence[float],
                rounding: str) -> list[Tensor]:
    """Masks after each layer was shrunk to its own density.

    Args:
        layers: (layer, weight to rank, present mask) of each.
        criterion: Scores weights.
        granularity: Groups them.
        densities: Kept share of each layer's groups.
        rounding: See :func:`~mmgancomp.sparsity.counts.removed_count`.
    """
    masks = []
    for (weight, values, mask), density in zip(layers, densities):
        live = granularity.reduce(mask.float(), weight) > 0
        removed = removed_count(live.numel(), density, rounding)
        if granularity.structured:
            removed = min(removed, live.numel() - 1)
        more = removed - int((~live).count_nonzero())
        if more <= 0:
            masks.append(mask.clone())
            continue
        score = granularity.reduce(criterion.score(weight.name, values),
                                   weight)
        mark, = smallest([lambda: score], more, [live])  # noqa: B023
        masks.append(
            granularity.expand(live & ~mark, weight, values.shape) & mask)
    return masks

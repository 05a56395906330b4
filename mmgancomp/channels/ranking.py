"""Which channels matter, and how many of each group stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError, closest
from mmgancomp.families import ChannelGroup

from .groups import Groups, Kept

__all__ = [
    'ALLOCATIONS', 'CRITERIA', 'best', 'reach', 'reach_measured',
    'scores_of', 'sizes_for'
]

_CORRECTIONS = 4
_STEPS = 24
"""Halvings of the interval of fractions: more than any width resolves."""


def _readers(network: nn.Module, group: ChannelGroup,
             generator: torch.Generator) -> Tensor:
    """Sum of what reads a channel, times the gains of norms on the way.

    A norm whose gain is one plus something of the class counts as one.
    """
    found = _sums(network, group, 'use')
    if found is None:
        found = _sums(network, group, 'make')
    gains = _sums(network, group, 'gain', mean=True)
    return found if gains is None else found * gains


def _filters(network: nn.Module, group: ChannelGroup,
             generator: torch.Generator) -> Tensor:
    """Sum of what writes a channel."""
    return _sums(network, group, 'make')


def _random(network: nn.Module, group: ChannelGroup,
            generator: torch.Generator) -> Tensor:
    return torch.rand(group.width, generator=generator)


CRITERIA: dict[str, Callable[..., Tensor]] = {
    'readers': _readers,
    'magnitude': _filters,
    'random': _random,
}
"""Name → network, group, generator → one score per channel."""

ALLOCATIONS = ('uniform', 'global')


def _sums(network: nn.Module,
          group: ChannelGroup,
          role: str,
          mean: bool = False) -> Tensor | None:
    """Sum of absolute weights per channel over the slots of a role."""
    total, count = torch.zeros(group.width), 0
    weights = dict(network.named_parameters())
    for slot in group.slots:
        weight = weights.get(slot.tensor)
        if slot.role != role or weight is None:
            continue
        if weight.ndim < 2 and role != 'gain':
            continue  # biases tell nothing of a size
        size = weight.detach().float().cpu()
        other = [axis for axis in range(size.ndim) if axis != slot.axis]
        entries = size.numel() // size.shape[slot.axis]
        # In one pass, where abs() would write all weights once more.
        size = torch.linalg.vector_norm(
            size, 1, dim=other) if other else size.abs()
        if mean:
            size = size / entries
        size = size[slot.offset:slot.offset + group.width * slot.block]
        total += size.reshape(group.width, slot.block).sum(1)
        count += 1
    return total if count else None


def scores_of(networks: Sequence[nn.Module],
              groups: Groups,
              criterion: str = 'readers',
              seed: int = 0) -> dict[str, Tensor]:
    """One score per channel, by group.

    Args:
        networks: Networks of one config, which are cut alike: the scores
            are the sums of theirs.
        groups: The groups of each of them.
        criterion: ``'readers'`` (|weights that read it| × |gain of its
            norm|), ``'magnitude'`` (|weights that write it|) or
            ``'random'``.
        seed: For a random order.

    Raises:
        ConfigError: There is no such criterion.
    """
    if criterion not in CRITERIA:
        raise ConfigError.at('criterion', criterion,
                             closest(criterion, CRITERIA))
    generator = torch.Generator().manual_seed(seed)
    rule = CRITERIA[criterion]
    return {
        name: sum(rule(network, group, generator) for network in networks)
        for name, group in groups.items()
    }


def sizes_for(groups: Groups,
              scores: Mapping[str, Tensor],
              fraction: float,
              allocation: str = 'uniform',
              multiple: int = 1) -> dict[str, int]:
    """How many channels of each group stay.

    Args:
        groups: The network's groups.
        scores: One score per channel of each.
        fraction: Share of the channels that stay, of each group
            (``'uniform'``) or of all groups together (``'global'``: scores
            compete, relative to the mean of their group).
        allocation: ``'uniform'`` or ``'global'``.
        multiple: Counts are rounded to multiples of it, in groups that are
            at least twice as wide.

    Returns:
        Name → count, of the groups that a ranking may cut.
    """
    inner = {g.name for g in groups.values() if g.attention}
    inner |= {g.value for g in groups.values() if g.attention}
    ranked = {
        name: group
        for name, group in groups.items()
        if name not in inner and not group.optional
    }
    if allocation == 'global':
        wanted = _global(ranked, scores, fraction)
    else:
        wanted = {name: fraction * g.width for name, g in ranked.items()}
    sizes = {
        name: _rounded(ranked[name], count, multiple)
        for name, count in wanted.items()
    }
    for group in groups.values():
        if group.attention:
            # Both follow the fraction, as far as they fit together.
            value = groups[group.value].width
            q = max(1, int(fraction * group.width))
            v = min(max(round(fraction * value), 4 * q), 4 * q + 3, value)
            sizes |= {group.name: q, group.value: v}
    return sizes


def _global(ranked: Groups, scores: Mapping[str, Tensor],
            fraction: float) -> dict[str, float]:
    relative = {
        name: scores[name] / scores[name].mean().clamp(min=1e-30)
        for name in ranked
    }
    everything = torch.cat(list(relative.values()))
    staying = round(fraction * len(everything))
    chosen = torch.zeros(len(everything), dtype=torch.bool)
    chosen[everything.argsort(descending=True, stable=True)[:staying]] = True
    parts = chosen.split([len(s) for s in relative.values()])
    return {name: float(part.sum()) for name, part in zip(relative, parts)}


def _rounded(group: ChannelGroup, count: float, multiple: int) -> int:
    if group.width >= 2 * multiple > 2:
        rounded = multiple * max(1, round(count / multiple))
    else:
        rounded = round(count)
    if count >= group.width:
        rounded = group.width
    return min(group.width, max(rounded, group.least))


def best(scores: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Kept:
    """The plan that keeps the channels of the highest scores.

    Args:
        scores: One score per channel of each group; of equal ones the
            first counts more.
        sizes: Group → how many stay.
    """
    return {
        name:
        sorted(scores[name].argsort(descending=True,
                                    stable=True)[:size].tolist())
        for name, size in sizes.items() if size < len(scores[name])
    }


def reach(plan_of: Callable[[float], Kept], cost: Callable[[Kept], float],
          target: float, key: str, value: Any) -> Kept:
    """The largest plan that costs no more than a target, by bisection.

    Args:
        plan_of: Fraction of channels that stay → plan; larger fractions
            make larger plans.
        cost: Plan → what it costs.
        target: The most that it may cost.
        key: Where the target was given, for errors.
        value: What was given there.

    Raises:
        ConfigError: Even the smallest plan costs more.
    """
    low, high, found = 0., 1., None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        plan = plan_of(middle)
        if cost(plan) <= target:
            low, found = middle, plan
        else:
            high = middle
    if found is None:
        smallest = cost(plan_of(0.))
        if smallest > target:
            raise ConfigError.at(
                key, value, f'{smallest:.4g} is the least that removing '
                'channels can reach here (one channel per group, eight '
                'before attention; images, latents and classes keep '
                'theirs); choose more')
        found = plan_of(0.)
    return found


def reach_measured(plan_of: Callable[[float], Kept],
                   estimate: Callable[[Kept], float],
                   measure: Callable[[Kept], float], target: float, key: str,
                   value: Any) -> Kept:
    """As :func:`reach`, for a cost that takes long to measure.

    An estimate is bisected, and what it aims at is corrected by what comes
    out, a few times.

    Args:
        plan_of: As for :func:`reach`.
        estimate: Plan → about what it costs.
        measure: Plan → what it costs.
        target: As for :func:`reach`.
        key: As for :func:`reach`.
        value: As for :func:`reach`.

    Raises:
        ConfigError: Even the smallest plan costs more.
    """
    aim, found, least = target, None, 0.
    for _ in range(_CORRECTIONS):
        try:
            plan = reach(plan_of, estimate, aim, key, value)
        except ConfigError:
            plan = plan_of(0.)
        cost = measure(plan)
        if cost <= target and cost > least:
            found, least = plan, cost
        if .98 * target < cost <= target:
            break
        aim = min(1., aim * target / cost)
    if found is None:
        return reach(plan_of, measure, target, key, value)
    return found

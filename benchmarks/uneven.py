"""Plans of equal cost: every group cut alike, or each to a width of its own.

Stock generators at stock size, half of every channel group kept, against
random plans in which each group has a share of its own, scaled until the
executed MACs are the same. Timed in turn on the CPU; the figure is how much
of the even plan's speed an uneven one has.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from mmgancomp.channels import channel_groups, ranking
from mmgancomp.channels.aims import Macs
from mmgancomp.channels.groups import Groups, Kept
from mmgancomp.channels.slicing import copy_of, cut
from mmgancomp.evaluation.profile_latency import (
    forward,
    interleaved,
    threads_set,
)
from mmgancomp.families.macs import inference

from .latency import generator
from .timing import spread

__all__ = ['AIM', 'DRAWS', 'SPREADS', 'measure']

AIM = .9
"""Share of the even plan's speed that an uneven one should have."""

SPREADS = (1.4, 2.)
"""Groups keep up to so many times more or less than the even share."""

DRAWS = 5
_BATCH, _ROUNDS, _MULTIPLE = 8, 3, 8
_TOLERANCE = .05  # widths in steps of eight come no closer


def _uneven(groups: Groups, scores: dict[str, torch.Tensor], most: float,
            seed: int) -> Callable[[float], Kept]:
    """Fraction of channels → plan, each group with a factor of its own."""
    draw = random.Random(seed)
    factors = {name: most**draw.uniform(-1, 1) for name in groups}
    inner = {n for g in groups.values() if g.attention
             for n in (g.name, g.value)}

    def plan_of(fraction: float) -> Kept:
        sizes = ranking.sizes_for(groups, scores, fraction,
                                  multiple=_MULTIPLE)
        for name in sizes.keys() - inner:
            group = groups[name]
            # As `mmgancomp prune` rounds by default.
            step = _MULTIPLE if group.width >= 2 * _MULTIPLE else 1
            wanted = fraction * factors[name] * group.width / step
            sizes[name] = min(group.width,
                              max(group.least, step, step * round(wanted)))
        return ranking.best(scores, sizes)

    return plan_of


def measure(name: str) -> dict[str, Any]:
    """Time one family's generator under plans of equal MACs, one thread.

    Args:
        name: A key of :data:`benchmarks.latency.STOCK`.

    Returns:
        ``even`` and ``1.4 ×, draw 0`` … → share of the dense MACs,
        milliseconds, and ``of_even_speed``, the ratio of the minima.
    """
    dense = generator(name, 1)
    groups = channel_groups(dense.module)
    scores = ranking.scores_of([dense.module], groups, 'random')
    costs_of = Macs(dense.module, groups, dense.family)

    def small(plan: Kept) -> nn.Module:
        network = copy_of(dense.module)
        cut(network, groups, plan)
        return network

    even = ranking.best(scores, ranking.sizes_for(groups, scores, .5))
    cost = costs_of.count(even)
    plans = {'even': even} | {
        f'{most:g} ×, draw {seed}': ranking.reach_measured(
            _uneven(groups, scores, most, seed), costs_of.estimate,
            costs_of.count, cost * (1 + _TOLERANCE / 2), 'macs', cost)
        for most in SPREADS for seed in range(DRAWS)
    }
    costs = {title: costs_of.count(plan) for title, plan in plans.items()}
    for title, found in costs.items():
        assert abs(found / cost - 1) < _TOLERANCE, (title, found, cost)
    networks = {title: small(plan) for title, plan in plans.items()}
    with threads_set(1):
        for network in networks.values():
            network.eval()
        with inference(dense.module):
            taken = interleaved(
                {title: forward(network, dense.call, _BATCH)
                 for title, network in networks.items()}, _ROUNDS)
    fastest = min(taken['even'])
    return {
        title: {
            'macs': round(costs[title], 4),
            'ms': spread(taken[title], unit=1),
            'of_even_speed': round(fastest / min(taken[title]), 3)
        }
        for title in plans
    }

"""One mask update of each schedule, against concatenate and sort.

The rival is the rule as one would write it down in plain torch. Where all
layers compete: put all magnitudes into one vector, sort it, cut. Where each
layer has its own count: sort each. Both must give the same masks and
weights, bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.sparsity import (
    AGP,
    IMP,
    DropAndGrow,
    Global,
    Magnitude,
    MaskedNetwork,
    OneShot,
    Schedule,
)
from mmgancomp.sparsity.counts import removed_count

from .memory import peak
from .timing import spread

__all__ = ['SCHEDULES', 'measure']

DENSITY = 0.1
UPDATES = 50_000
# Schedule, density before the update, which of its ticks.
SCHEDULES: dict[str, tuple[Callable[[], Schedule], float, int]] = {
    'OneShot': (OneShot, 1., 0),
    'AGP': (lambda: AGP(interval=1000), .8, 5000),
    'IMP': (IMP, .8, 2),
    'DropAndGrow': (DropAndGrow, DENSITY, 1000),
}


class Subject:
    """A network in the state before one update of a schedule."""

    def __init__(self, name: str, millions: float) -> None:
        make, self.before, self.tick = SCHEDULES[name]
        self.schedule = make()
        self.schedule.bind('generator', 0, 10)
        self.schedule.resolve(
            UPDATES, None if name == 'IMP' else DENSITY, 'schedule')
        self.network = network(millions)
        self.masked = MaskedNetwork(self.network)
        if self.before < 1:
            self.masked.prune(self.before, criterion='random',
                              allocation='uniform')
        for weight in self.network.parameters():
            weight.grad = torch.randn_like(weight)
        self.masks = dict(self.masked.masks)
        self.weights = [w.detach().clone() for w in self.network.parameters()]

    def reset(self) -> None:
        """Back to the state before the update."""
        self.masked.masks.update(self.masks)
        with torch.no_grad():
            for weight, value in zip(self.network.parameters(), self.weights):
                weight.copy_(value)

    def ours(self) -> None:
        """The update of the schedule."""
        self.schedule.change(
            self.masked, self.tick, criterion=Magnitude(),
            allocation=Global(), source=None)

    @torch.no_grad()
    def sort(self) -> list[Tensor]:
        """The rival's masks; its weights are those of the network."""
        weights = list(self.network.parameters())
        masks = list(self.masks.values())
        if isinstance(self.schedule, DropAndGrow):
            new = [
                _drop_and_grow(w, w.grad, m,
                               self.schedule.fraction_at(self.tick))
                for w, m in zip(weights, masks)
            ]
        else:
            new = _concatenate_and_sort(weights, masks, self.removed())
        for weight, mask in zip(weights, new):
            weight.mul_(mask)
        return new

    def removed(self) -> int:
        """How many weights are gone after the update."""
        left = sum(int(mask.count_nonzero()) for mask in self.masks.values())
        total = self.masked.maskable
        if isinstance(self.schedule, IMP):
            return total - left + removed_count(left, .8)
        return removed_count(total, self.schedule.density_at(self.tick),
                             self.schedule.rounding)


def network(millions: float) -> nn.Module:
    """Convolutions as in a large GAN, about so many million weights."""
    torch.manual_seed(0)
    block = 512 * 512 * 9
    return nn.Sequential(*[
        nn.Conv2d(512, 512, 3, bias=False)
        for _ in range(max(1, round(millions * 1e6 / block)))
    ])


def _concatenate_and_sort(weights: list[Tensor], masks: list[Tensor],
                          removed: int) -> list[Tensor]:
    """All magnitudes in one vector, in stable order; what is gone first."""
    flat = torch.cat([
        w.abs().masked_fill_(~m, -1).flatten()
        for w, m in zip(weights, masks)
    ])
    mask = torch.ones_like(flat, dtype=torch.bool)
    mask[flat.sort(stable=True).indices[:removed]] = False
    return [
        part.view(w.shape)
        for part, w in zip(mask.split([w.numel() for w in weights]), weights)
    ]


def _drop_and_grow(weight: Tensor, gradient: Tensor, mask: Tensor,
                   share: float) -> Tensor:
    """Sort the magnitudes of a layer, cut; sort its gradients, fill up."""
    count = math.ceil(share * int(mask.count_nonzero()))
    size = weight.abs().masked_fill_(~mask, torch.inf).flatten()
    new = mask.flatten().clone()
    new[size.sort(stable=True).indices[:count]] = False
    worth = gradient.abs().flatten().masked_fill_(new, -1)
    order = worth.sort(stable=True, descending=True).indices
    new[order[:count]] = True
    return new.view(mask.shape)


def measure(name: str, millions: float, repeats: int = 3) -> dict[str, Any]:
    """Time both on one core, in turn, and assert equal results.

    Args:
        name: A key of :data:`SCHEDULES`.
        millions: About so many million weights.
        repeats: Timed runs of each.

    Raises:
        AssertionError: If masks or weights differ, or if ours allocates a
            copy of the weights.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        subject = Subject(name, millions)
        subject.ours()
        masks = list(subject.masked.masks.values())
        weights = [w.detach().clone() for w in subject.network.parameters()]
        subject.reset()
        for a, b in zip(masks, subject.sort(), strict=True):
            if not torch.equal(a, b):
                raise AssertionError(f'{name}: the two masks differ')
        for a, b in zip(weights, subject.network.parameters(), strict=True):
            if not torch.equal(a, b):
                raise AssertionError(f'{name}: the two weights differ')
        del masks, weights
        seconds: dict[str, list[float]] = {'ours': [], 'sort': []}
        for _ in range(repeats):
            for kind, times in seconds.items():
                subject.reset()
                start = time.perf_counter()
                getattr(subject, kind)()
                times.append(time.perf_counter() - start)
        extra = {}
        for kind in seconds:
            subject.reset()
            extra[kind] = peak(getattr(subject, kind))
    finally:
        torch.set_num_threads(threads)
    copy = 4 * subject.masked.maskable
    if extra['ours'] >= copy:
        raise AssertionError(f'{name} allocates {extra["ours"]:,} bytes, a '
                             f'copy of the weights is {copy:,}')
    return {
        'weights': subject.masked.maskable,
        'density_before': subject.before,
        'threads': 1,
        'ours_ms': spread(seconds['ours']),
        'sort_ms': spread(seconds['sort']),
        'sort_over_ours': round(
            min(seconds['sort']) / min(seconds['ours']), 2),
        'extra_memory_in_copies_of_the_weights': {
            kind: round(size / copy, 3) for kind, size in extra.items()
        },
        'equal_masks_and_weights': True
    }

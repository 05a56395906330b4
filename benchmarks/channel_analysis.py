"""Channel groups and plans, kill and remove: seconds at stock size.

The analysis of a network is what ``mmgancomp prune --target params=0.5``
does before it touches a weight: the groups of the family, a score for each
channel, and the largest plan that leaves half of the parameters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

import mmgancomp.registry  # noqa: F401
from mmgancomp.channels import channel_groups, kill
from mmgancomp.channels.aims import Aim, Macs, choose
from mmgancomp.channels.remove import checked_removal, example
from mmgancomp.channels.slicing import copy_of, cut
from mmgancomp.evaluation.profile_model import Subject, subjects

from .latency import STOCK
from .timing import spread

__all__ = ['LARGE', 'ROLES', 'analysis', 'measure']

LARGE = ('stylegan2-1024', 'styleganv2/stylegan2_c2_8xb4_ffhq-1024x1024.py')
"""The largest stock network: its name here, and a config of it."""

ROLES = ('generator', 'discriminator')
LIMIT = 1.
"""Seconds of the processor that the analysis of :data:`LARGE` may take."""

_REPEATS = 3


def _subjects(path: str) -> Iterable[Subject]:
    config = Config.fromstring(f"_base_ = 'mmagic::{path}'", '.py')
    torch.manual_seed(0)
    return subjects(config, names=ROLES)


def _timed(call: Callable[[], Any],
           repeats: int = _REPEATS) -> tuple[Any, dict[str, float]]:
    seconds, processor = [], []
    for _ in range(repeats):
        start, own = time.perf_counter(), time.process_time()
        result = call()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - own)
    return result, spread(seconds) | {
        'processor': round(min(processor) * 1e3, 3)
    }


def _settle(subject: Subject) -> None:
    """Two forwards: fresh spectral norm overflows in eval mode."""
    with torch.no_grad():
        subject.module.train()
        for _ in range(2):
            args, kwargs = subject.call(2)
            subject.module(*args, **kwargs)


def analysis(subject: Subject) -> tuple[Any, dict[str, Any]]:
    """The plan that leaves half of the parameters, and what it took.

    Args:
        subject: The network.

    Returns:
        The plan; and its figures: ``groups_ms``, ``plan_ms``, and
        ``analysis_ms`` of both at once; each with its least ``processor``
        time, which other programs on the machine do not stretch.
    """
    module = subject.module

    def plan(groups: Any) -> Any:
        return choose(
            Aim('params', .5), [module], groups,
            Macs(module, groups, subject.family), lambda divisor: {})

    groups, declared = _timed(lambda: channel_groups(module))
    _, planned = _timed(lambda: plan(groups))
    kept, both = _timed(lambda: plan(channel_groups(module)))
    return kept, {
        'parameters': sum(weight.numel() for weight in module.parameters()),
        'channels': sum(group.width for group in groups.values()),
        'groups_ms': declared,
        'plan_ms': planned,
        'analysis_ms': both
    }


def _cut(module: nn.Module, groups: Any, kept: Any) -> float:
    copied = copy_of(module)
    start = time.perf_counter()
    cut(copied, groups, kept)
    return time.perf_counter() - start


def measure(name: str) -> dict[str, Any]:
    """Time one family's generator and discriminator.

    Args:
        name: A key of :data:`~benchmarks.latency.STOCK`, or the first of
            :data:`LARGE`, of which only the analysis is timed.

    Returns:
        Role → the figures of :func:`analysis`; ``kill_ms``; ``cut_ms``,
        without the copy; ``remove_ms``, with the copy and the two forwards
        that check it; and the difference that this check found.
    """
    found: dict[str, Any] = {}
    for subject in _subjects(STOCK.get(name, LARGE[1])):
        kept, row = analysis(subject)
        found[subject.role] = row
        if name == LARGE[0]:
            continue
        module, groups = subject.module, channel_groups(subject.module)
        _settle(subject)
        dead, row['kill_ms'] = _timed(lambda m=module, k=kept: kill(m, k))
        row['cut_ms'] = spread(
            [_cut(dead, groups, kept) for _ in range(_REPEATS)])
        (small, difference), row['remove_ms'] = _timed(
            lambda d=dead, k=kept, g=groups, f=subject.family:
            checked_removal(d, k, g, call=lambda net: example(f, net)), 1)
        row['parameters_after'] = sum(
            weight.numel() for weight in small.parameters())
        row['difference_removed'] = difference
    return found

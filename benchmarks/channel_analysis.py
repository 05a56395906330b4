"""Channel groups and plans, kill and cut: milliseconds at stock size.

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


def _timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    seconds, processor = [], []
    for _ in range(_REPEATS):
        start, own = time.perf_counter(), time.process_time()
        result = call()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - own)
    return result, spread(seconds) | {
        'processor': round(min(processor) * 1e3, 3)
    }


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


def _cut(module: nn.Module, groups: Any,
         kept: Any) -> tuple[int, dict[str, float]]:
    """Parameters that are left, and what cutting took without the copy."""
    seconds = []
    for _ in range(_REPEATS):
        copied = copy_of(module)
        start = time.perf_counter()
        cut(copied, groups, kept)
        seconds.append(time.perf_counter() - start)
    return sum(w.numel() for w in copied.parameters()), spread(seconds)


def measure(name: str) -> dict[str, Any]:
    """Time one family's generator and discriminator.

    Args:
        name: A key of :data:`~benchmarks.latency.STOCK`, or the first of
            :data:`LARGE`, of which only the analysis is timed.

    Returns:
        Role → the figures of :func:`analysis`; ``kill_ms``, with the copy;
        and ``cut_ms``, without it and without the two forwards by which
        ``remove`` checks itself.
    """
    found: dict[str, Any] = {}
    for subject in _subjects(STOCK.get(name, LARGE[1])):
        kept, row = analysis(subject)
        found[subject.role] = row
        if name == LARGE[0]:
            continue
        module = subject.module
        dead, row['kill_ms'] = _timed(lambda m=module, k=kept: kill(m, k))
        row['parameters_after'], row['cut_ms'] = _cut(
            dead, channel_groups(module), kept)
    return found

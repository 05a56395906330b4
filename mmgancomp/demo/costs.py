"""What each model of the demo costs, all of them timed in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mmgancomp.evaluation.profile import profile_network
from mmgancomp.evaluation.profile_latency import (
    forward,
    interleaved,
    spread,
    threads_set,
)
from mmgancomp.evaluation.profile_model import Subject
from mmgancomp.families.macs import inference

__all__ = ['BATCH', 'BIG_BATCH', 'costs', 'faster']

BATCH = 8
"""Images per timed forward."""

BIG_BATCH = 64
"""Images per forward where what a call costs by itself hardly counts."""

_THREADS = 1


def costs(subjects: Mapping[str, Subject],
          maskable: list[str]) -> dict[str, dict[str, Any]]:
    """Profile the models, and time their forwards in turn.

    Args:
        subjects: Row → its network.
        maskable: Names of the weights that the demo's masks cover.

    Returns:
        Row → entry of its network for ``compression.json``.
    """
    found = {
        name: dict(
            role=subject.role,
            weights=subject.weights,
            **profile_network(
                subject.module,
                subject.call,
                masks=subject.masks,
                maskable=maskable,
                layers=True,
                rounds=0))
        for name, subject in subjects.items()
    }
    for name, values in _timed(subjects, BATCH).items():
        found[name]['latency_ms'] = dict(
            batch=BATCH, threads=_THREADS, **spread(values))
    return found


def faster(slim: Subject, dense: Subject) -> float:
    """How many times faster one network is than another.

    Both are timed in turn, at :data:`BIG_BATCH`, and the fastest forward of
    each counts: whatever else the machine does only makes one slower.
    """
    taken = _timed(dict(slim=slim, dense=dense), BIG_BATCH)
    return min(taken['dense']) / min(taken['slim'])


def _timed(subjects: Mapping[str, Subject],
           batch: int) -> dict[str, list[float]]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(threads_set(_THREADS))
        for subject in subjects.values():
            stack.enter_context(inference(subject.module))
        return interleaved({
            name: forward(subject.module, subject.call, batch)
            for name, subject in subjects.items()
        })

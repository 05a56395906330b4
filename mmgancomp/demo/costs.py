"""What each model of the demo costs, all of them timed in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mmgancomp.evaluation.profile import profile_network
from mmgancomp.evaluation.profile_cost import inference
from mmgancomp.evaluation.profile_latency import (
    forward,
    interleaved,
    spread,
    threads_set,
)
from mmgancomp.evaluation.profile_model import Subject

__all__ = ['BATCH', 'costs']

BATCH = 8
"""Images per timed forward."""

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
    with contextlib.ExitStack() as stack:
        used = stack.enter_context(threads_set(_THREADS))
        for subject in subjects.values():
            stack.enter_context(inference(subject.module))
        taken = interleaved({
            name: forward(subject.module, subject.call, BATCH)
            for name, subject in subjects.items()
        })
    for name, values in taken.items():
        found[name]['latency_ms'] = dict(
            batch=BATCH, threads=used, **spread(values))
    return found

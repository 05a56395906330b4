"""How much a call allocates at its peak, to the byte."""

from __future__ import annotations

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

__all__ = ['peak']


def peak(call: Callable[[], object]) -> int:
    """Most bytes that torch held on the CPU at once, over those before.

    What the call frees of what was there before counts as negative.
    """
    with profile(activities=[ProfilerActivity.CPU],
                 profile_memory=True) as seen:
        kept = call()
    events = [
        event for event in seen.profiler.kineto_results.events()
        if event.name() == '[memory]'
    ]
    del kept
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most

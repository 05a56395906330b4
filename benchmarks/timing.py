"""Time things fairly on a machine that does other things too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

__all__ = ['alternate', 'spread']


def alternate(calls: dict[str, Callable[[], object]],
              repeats: int) -> dict[str, list[float]]:
    """Seconds of each call, taken in turn so that drift hits all alike.

    Args:
        calls: Name → what to time. Each runs once before, uncounted.
        repeats: Counted runs of each.
    """
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def spread(seconds: list[float], unit: float = 1e3) -> dict[str, float]:
    """Minimum, median and maximum, in milliseconds by default."""
    return {
        'min': round(min(seconds) * unit, 3),
        'median': round(statistics.median(seconds) * unit, 3),
        'max': round(max(seconds) * unit, 3)
    }

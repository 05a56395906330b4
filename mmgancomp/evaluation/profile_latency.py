"""How long a forward takes, alone or side by side with another."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

__all__ = ['forward', 'interleaved', 'ratio', 'spread', 'threads_set']

# Enough rounds for a tenth percentile, and no more than a few seconds of
# them where a forward is slow.
_FEWEST, _MOST, _SECONDS, _WARM_UP = 11, 201, 3.0, 3
_BLOCK = 10


@contextlib.contextmanager
def threads_set(threads: int | None) -> Iterator[int]:
    """Let torch use so many threads for a while; gives the number used."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def forward(network: nn.Module, call: Callable[[int], tuple],
            batch: int) -> Callable[[], None]:
    """One forward as something to time: it returns when it has finished."""
    args, kwargs = call(batch)
    device = next((p.device for p in network.parameters()), None)
    queued = device is not None and device.type != 'cpu'

    def run() -> None:
        network(*args, **kwargs)
        if queued:
            torch.accelerator.synchronize(device)

    return run


def interleaved(calls: Mapping[str, Callable[[], object]],
                rounds: int | None = None) -> dict[str, list[float]]:
    """Time several calls in turn, so that all meet the same machine.

    A machine that is slower for a minute is then slower for each of them;
    every other round runs in reverse order.

    Args:
        calls: Name → what to time. Must wait for its own result.
        rounds: How often each is timed. Defaults to what fits into about
            three seconds, at least 11 and at most 201.

    Returns:
        Name → milliseconds of each round.
    """
    for call in calls.values():
        for _ in range(_WARM_UP):
            call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    begin = time.perf_counter()
    for done in range(rounds or _MOST):
        late = time.perf_counter() - begin > _SECONDS
        if rounds is None and done >= _FEWEST and late:
            break
        for name in order:
            start = time.perf_counter()
            calls[name]()
            taken[name].append((time.perf_counter() - start) * 1e3)
        order.reverse()
    return taken


def spread(values: list[float]) -> dict[str, float]:
    """Median, tenth and ninetieth percentile."""
    low, middle, high = np.percentile(values, [10, 50, 90])
    return dict(median=float(middle), p10=float(low), p90=float(high))


def ratio(of: list[float], against: list[float]) -> dict[str, float]:
    """Spread of the ratio of two interleaved series.

    A ratio is that of the medians of about ten neighbouring rounds: of one
    round alone it would mostly show which forward was interrupted.
    """
    blocks = max(min(len(of), _FEWEST), len(of) // _BLOCK)
    return spread([
        float(np.median(one) / np.median(other)) for one, other in zip(
            np.array_split(of, blocks), np.array_split(against, blocks))
    ])

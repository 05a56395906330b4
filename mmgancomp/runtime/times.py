"""Points in time of a run, counted in optimizer updates."""

from __future__ import annotations

from typing import Any

from mmgancomp.errors import ConfigError

__all__ = ['Time', 'resolve_time']

Time = int | float | str


def resolve_time(value: Any, total: int, key: str) -> int:
    """Turn a time of a config into a number of updates.

    Args:
        value: An int counts updates of the network in question; a float
            strictly between 0 and 1 is a fraction of the run's updates;
            ``'start'`` is 0 and ``'end'`` the run's last update.
        total: Updates in the run.
        key: The config key, for the error.

    Raises:
        ConfigError: For anything else, 1.0 and booleans among it: they can
            be read in two ways.
    """
    if value == 'start':
        return 0
    if value == 'end':
        return total
    if isinstance(value, bool) or value == 1.0 and isinstance(value, float):
        raise ConfigError.at(
            key, value, 'write 1 for the first update or "end" for the whole '
            'run')
    if isinstance(value, int) and value >= 0:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return round(value * total)
    raise ConfigError.at(
        key, value, 'write a number of updates (an int from 0), a fraction '
        'of the run (a float between 0 and 1), "start" or "end"')

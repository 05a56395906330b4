"""Where two nested settings differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ['differences']


def differences(was: Any, now: Any,
                path: str = '') -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted path, old value, new value) of each difference.

    Example:
        >>> list(differences({'a': {'b': 1}}, {'a': {'b': 2}}))
        [('a.b', 1, 2)]
    """
    if isinstance(was, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*was, *now]):
            yield from differences(
                was.get(key), now.get(key), f'{path}.{key}' if path else key)
    elif was != now:
        yield path, was, now

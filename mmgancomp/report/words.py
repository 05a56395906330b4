"""What the numbers say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from .rows import Row, generators
from .text import bytes_text, count_text, number_text, percent_text

__all__ = ['SPEED', 'facts_in_short', 'has_zeros', 'main_metric']

SPEED = (
    'What zeros do not give: speed. A pruned weight is a zero in a dense '
    'tensor, stored and multiplied like any other number, so MACs, latency '
    'and the plain file stay what they were. Zeros shrink the packed file '
    'only. Time is saved by taking whole channels out.')


def has_zeros(rows: Sequence[Row]) -> bool:
    """Whether some model has weights that masks hold at zero."""
    return any(
        network.get('density') is not None and network['density'] < 1
        for row in rows for network in generators(row.model).values())


def main_metric(rows: Sequence[Row]) -> str | None:
    """The first metric that the first model shares with another one."""
    for name in rows[0].metrics:
        if any(name in row.metrics for row in rows[1:]):
            return name
    return None


def facts_in_short(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What each model kept, what it weighs and how good it is.

    Returns:
        Name and the rest of the sentence, for every model but the first,
        which the others are held against.
    """
    reference = rows[0]
    metric = main_metric(rows)
    found = []
    for row in rows[1:]:
        parts = []
        if row.kept is not None and row.kept < 1:
            parts.append(f'keeps {percent_text(row.kept)} of its maskable '
                         'weights')
        if row.nonzero is not None and reference.nonzero:
            parts.append(f'has {count_text(row.nonzero)} non-zero parameters '
                         f'{_times(row.nonzero, reference.nonzero, "fewer")}')
        if row.packed is not None and reference.bytes:
            parts.append(f'packs into {bytes_text(row.packed)} '
                         f'{_times(row.packed, reference.bytes, "smaller")}')
        if metric in row.metrics:
            parts.append(
                f'scores {metric} {number_text(row.metrics[metric])} against '
                f'{number_text(reference.metrics[metric])} of '
                f'{reference.name}')
        if parts:
            found.append((row.name, f'{_join(parts)}.'))
    return found


def _times(value: float, reference: float, less: str) -> str:
    """(9.9 × fewer) or, where there is more, (1.2 × as much)."""
    if not value:
        return ''
    factor = reference / value
    if factor >= 1.05:
        digits = 1 if factor < 10 else 0
        return f'({factor:.{digits}f} × {less})'
    if factor > 0.995:
        return '(as before)'
    return f'({value / reference:.3g} × as much)'


def _join(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return ''.join(parts)
    return f'{", ".join(parts[:-1])}, and {parts[-1]}'

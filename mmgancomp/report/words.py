"""What the numbers say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from .rows import Row, generators
from .text import ABSENT, bytes_text, count_text, number_text, percent_text

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
        which the others are held against; for that one if it is alone.
    """
    reference = rows[0]
    metric = main_metric(rows)
    found = []
    for row in rows[1:] or rows:
        parts = []
        if row.kept is not None and row.kept < 1:
            parts.append(f'keeps {percent_text(row.kept)} of its maskable '
                         'weights')
        if row.nonzero is not None:
            parts.append(f'has {count_text(row.nonzero)} non-zero parameters'
                         f'{_times(row.nonzero, row, reference, "fewer")}')
        if row.packed is not None:
            parts.append(f'packs into {bytes_text(row.packed)}'
                         f'{_times(row.packed, row, reference, "smaller")}')
        if metric in row.metrics and row is not reference:
            parts.append(
                f'scores {metric} {number_text(row.metrics[metric])} against '
                f'{number_text(reference.metrics[metric])} of '
                f'{reference.name}')
        if parts:
            found.append((row.name, f'{_join(parts)}.'))
    return found


def _times(value: float, row: Row, reference: Row, less: str) -> str:
    """(9.9 × fewer) than the reference; alone, what it is a part of."""
    if row is reference:
        parts = {'fewer': count_text(row.params),
                 'smaller': bytes_text(row.bytes)}
        return f' of {parts[less]}' if parts[less] != ABSENT else ''
    whole = reference.nonzero if less == 'fewer' else reference.bytes
    if not value or not whole:
        return ''
    factor = whole / value
    if factor >= 1.05:
        digits = 1 if factor < 10 else 0
        than = '' if less == 'fewer' else (
            f' than the plain file of {reference.name}')
        return f' ({factor:.{digits}f} × {less}{than})'
    if factor > 0.995:
        return ''
    return f' ({value / whole:.3g} × as much)'


def _join(parts: Sequence[str]) -> str:
    if len(parts) < 3:
        return ' and '.join(parts)
    return f'{", ".join(parts[:-1])}, and {parts[-1]}'

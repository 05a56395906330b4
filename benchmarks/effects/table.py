"""The table of a comparison, in Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from scipy.stats import t as student

from .checks import Values
from .study import Study

__all__ = ['markdown']


def markdown(name: str, study: Study, values: Values,
             densities: dict[str, float | None], checks: list[dict[str, Any]],
             pairs: list[dict[str, Any]]) -> str:
    """Write every seed of every row, then pairs, then checks.

    Args:
        name: What the command calls it.
        study: The comparison.
        values: Row → metric → values by seed.
        densities: Row → density of the generator; None if it has none.
        checks: Outcomes.
        pairs: Row, control, metric, and the differences by seed.
    """
    seeds = ' | '.join(f'seed {seed}' for seed in study.seeds)
    first, *others = study.columns
    # Where nothing is masked there is nothing to say about density.
    sparse = any(d not in (None, 1.) for d in densities.values())
    lines = [
        f'# {study.title}', '',
        f'Written by `python -m benchmarks.effects {name}`. Seed by seed: '
        f'{first}; in brackets the 95 % t interval of the mean. '
        f'{study.note}', '',
        ' | '.join(['| ', *['G density'] * sparse, seeds, 'mean', *others])
        + ' |',
        '| --- ' * (len(study.seeds) + 2 + sparse + len(others)) + '|'
    ]
    for row, found in values.items():
        density = densities[row]
        known = '–' if density is None else f'{density:.3g}'
        lines.append(' | '.join([
            f'| {row}', *[known] * sparse,
            *_line(found[first], study.columns[first].form),
            *(format(statistics.mean(found[o]), study.columns[o].form)
              for o in others)
        ]) + ' |')
    if pairs:
        lines += [
            '', 'Row minus control, paired by seed; in brackets the 95 % t '
            'interval of the mean.', '',
            f'| | control | metric | {seeds} | mean |',
            '| --- ' * (len(study.seeds) + 4) + '|'
        ]
        for pair in pairs:
            form = study.columns[pair['metric']].form
            lines.append(' | '.join([
                f'| {pair["row"]}', pair['control'], pair['metric'],
                *_line(pair['differences'], form)
            ]) + ' |')
    lines += ['', *(f'* {"met" if c["met"] else "**missed**"}: {c["claim"]}: '
                    f'{c["found"]}' for c in checks), '']
    return '\n'.join(lines)


def _line(values: Sequence[float], form: str) -> list[str]:
    return [*(format(value, form) for value in values),
            _spread(values, form)]


def _spread(found: Sequence[float], form: str) -> str:
    mean = statistics.mean(found)
    if len(found) < 2:
        return format(mean, form)
    half = (student.ppf(.975, len(found) - 1) * statistics.stdev(found)
            / math.sqrt(len(found)))
    return (f'{format(mean, form)} '
            f'[{format(mean - half, form)}, {format(mean + half, form)}]')

"""Train the comparisons, print one table each, keep it, check what holds.

``python -m benchmarks.effects [NAME…] [--jobs N]``; without names, those of
lottery tickets and sparse training.
Every seed is shown. A check compares means over the seeds; an effect that
has no check is reported, not asserted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from mmgancomp.files import write_whole

from .arms import ROOT, train_all, work_folder

NAMES = ('lottery', 'sparse_training')
# Hours each, so only by name.
LONG = ('teacher_dgl', 'teacher_self_supervised', 'alphagan',
        'search_demo')
RESULTS = ROOT / 'benchmarks' / 'results'
METRICS = {'digits-FID': 'digits-fid/fid',
           'agreement': 'digits-fid/agreement'}


def main() -> int:
    """Run what was asked for; 1 if a check fails."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.effects',
        description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', metavar='NAME',
                        help=', '.join(NAMES + LONG))
    parser.add_argument('--jobs', type=int, default=2,
                        help='runs at a time (default: 2)')
    parser.add_argument('--out', type=Path,
                        default=ROOT / 'work_dirs' / 'effects',
                        help='where the work folders go')
    args = parser.parse_args()
    unknown = sorted({*args.names} - {*NAMES, *LONG})
    if unknown:
        parser.error(
            f'{unknown[0]}: there are {", ".join(NAMES + LONG)}')
    failed = 0
    for name in args.names or NAMES:
        failed += not _compare(name, args.out, args.jobs)
    return int(failed > 0)


def _compare(name: str, out: Path, jobs: int) -> bool:
    study = importlib.import_module(f'.{name}', __package__)
    print(f'{study.TITLE}: {len(study.ARMS)} trainings for each of the '
          f'seeds {", ".join(map(str, study.SEEDS))}', flush=True)
    rows = study.rows(
        train_all(study.ARMS, study.SEEDS, out / name, jobs))
    if hasattr(study, 'measure'):
        for row, models in rows.items():
            for seed, model in models.items():
                model['metrics'] |= study.measure(
                    row, partial(work_folder, out / name, seed))
    metrics = getattr(study, 'METRICS', METRICS)
    values = {
        row: {title: [_metric(model, key) for model in models.values()]
              for title, key in metrics.items()}
        for row, models in rows.items()
    }
    _, key, _ = _column(study)
    densities = {
        row: next(iter(models.values()))['networks']['generator'].get(key, 1.)
        for row, models in rows.items()
    }
    checks = [_check(values, *check) for check in study.CHECKS]
    checks += [_rise(values, *rise) for rise in getattr(study, 'RISES', ())]
    pairs = [
        {'row': row, 'control': control, 'metric': metric,
         'differences': _differences(values, row, control, metric)}
        for row, control in getattr(study, 'PAIRS', ()) for metric in metrics
    ]
    text = _markdown(study, values, densities, checks, pairs)
    print(text)
    write_whole(RESULTS / f'effects_{name}.md', text)
    write_whole(
        RESULTS / f'effects_{name}.json',
        json.dumps({'seeds': list(study.SEEDS), 'rows': values,
                    _column(study)[1]: densities, 'checks': checks,
                    'pairs': pairs}, indent=1) + '\n')
    return all(check['met'] for check in checks)


def _metric(model: dict[str, Any], key: str) -> float:
    return model['metrics'][key]


def _column(study: Any) -> tuple[str, str, str]:
    """Title, key in the record, and format of the second column."""
    return getattr(study, 'COLUMN', ('G density', 'density', '.3g'))


def _check(values: dict[str, Any], worse: Sequence[str], better: str,
           least: float, claim: str) -> dict[str, Any]:
    high = statistics.mean(v for row in worse
                           for v in values[row]['digits-FID'])
    low = statistics.mean(values[better]['digits-FID'])
    return {
        'claim': claim,
        'found': f'ratio of the means {high / low:.2f}, at least {least:g} '
                 'asserted',
        'met': high / low >= least
    }


def _rise(values: dict[str, Any], row: str, control: str, metric: str,
          claim: str) -> dict[str, Any]:
    found = _differences(values, row, control, metric)
    return {
        'claim': claim,
        'found': f'least difference {min(found):.3f}, above 0 asserted',
        'met': min(found) > 0
    }


def _differences(values: dict[str, Any], row: str, control: str,
                 metric: str) -> list[float]:
    """Row minus control, seed by seed."""
    pairs = zip(values[row][metric], values[control][metric], strict=True)
    return [one - other for one, other in pairs]


def _spread(found: Sequence[float]) -> str:
    mean = statistics.mean(found)
    if len(found) < 2:
        return f'{mean:.2f}'
    half = (student.ppf(.975, len(found) - 1) * statistics.stdev(found)
            / math.sqrt(len(found)))
    return f'{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]'


def _markdown(study: Any, values: dict[str, Any], densities: dict[str, float],
              checks: list[dict[str, Any]],
              pairs: list[dict[str, Any]]) -> str:
    seeds = ' | '.join(f'seed {seed}' for seed in study.SEEDS)
    agreement = 'agreement' in getattr(study, 'METRICS', METRICS)
    lines = [
        f'# {study.TITLE}', '',
        f'Written by `python -m benchmarks.effects '
        f'{study.__name__.rpartition(".")[2]}`. digits-FID of the EMA '
        'generator, lower is better; in brackets the 95 % t interval of the '
        'mean' + ('; agreement is the share of images that the classifier '
                  'takes for the class asked for.' if agreement else '.'), '',
        f'| | {_column(study)[0]} | {seeds} | mean |'
        + ' agreement |' * agreement,
        '| --- ' * (len(study.SEEDS) + 3 + agreement) + '|'
    ]
    for row, found in values.items():
        fid = found['digits-FID']
        lines.append(
            f'| {row} | {densities[row]:{_column(study)[2]}} | '
            + ' | '.join(f'{value:.2f}' for value in fid)
            + f' | {_spread(fid)} |'
            + (f' {statistics.mean(found["agreement"]):.1%} |'
               if agreement else ''))
    if pairs:
        lines += [
            '', 'Row minus control, paired by seed; in brackets the 95 % t '
            'interval of the mean.', '',
            f'| | control | metric | {seeds} | mean |',
            '| --- ' * (len(study.SEEDS) + 4) + '|'
        ]
        lines += [
            f'| {p["row"]} | {p["control"]} | {p["metric"]} | '
            + ' | '.join(f'{value:.2f}' for value in p['differences'])
            + f' | {_spread(p["differences"])} |' for p in pairs
        ]
    lines += ['', *(f'* {"met" if c["met"] else "**missed**"}: {c["claim"]}: '
                    f'{c["found"]}' for c in checks), '']
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())

"""Train the comparisons, print one table each, keep it, check what holds.

``python -m benchmarks.effects [NAME…] [--jobs N]``; without names, all.
Every seed is shown. A check compares means over the seeds; an effect that
has no check is reported, not asserted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from mmgancomp.files import write_whole

from .arms import ROOT, train_all, work_folder
from .checks import differences
from .study import Study
from .table import markdown

NAMES = ('lottery', 'sparse_training', 'teacher_dgl',
         'teacher_self_supervised', 'teacher_pix2pix', 'teacher_cyclegan',
         'ppcd', 'alphagan', 'recipes_digits', 'recipes_pix2pix',
         'recipes_cyclegan', 'search_demo')
RESULTS = ROOT / 'benchmarks' / 'results'


def main() -> int:
    """Run what was asked for; 1 if a check fails."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.effects',
        description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', metavar='NAME',
                        help=', '.join(NAMES))
    parser.add_argument('--jobs', type=int, default=2,
                        help='runs at a time (default: 2)')
    parser.add_argument('--out', type=Path,
                        default=ROOT / 'work_dirs' / 'effects',
                        help='where the work folders go')
    args = parser.parse_args()
    unknown = sorted({*args.names} - {*NAMES})
    if unknown:
        parser.error(f'{unknown[0]}: there are {", ".join(NAMES)}')
    # Of the libraries that configs import; each run has its own log.
    warnings.simplefilter('ignore')
    failed = 0
    for name in args.names or NAMES:
        study = importlib.import_module(f'.{name}', __package__).STUDY
        failed += not _compare(name, study, args.out / name, args.jobs)
    return int(failed > 0)


def _compare(name: str, study: Study, out: Path, jobs: int) -> bool:
    print(f'{study.title}: {len(study.arms)} trainings for each of the '
          f'seeds {", ".join(map(str, study.seeds))}', flush=True)
    rows = study.table(train_all(study.arms, study.seeds, out, jobs))
    if study.measure is not None:
        for row, models in rows.items():
            for seed, model in models.items():
                model['metrics'] |= study.measure(
                    row, partial(work_folder, out, seed))
    values = {
        row: {title: [metric.of(model) for model in models.values()]
              for title, metric in study.columns.items()}
        for row, models in rows.items()
    }
    densities = {row: _density(next(iter(models.values())))
                 for row, models in rows.items()}
    checks = [check(values) for check in study.checks]
    pairs = [
        {'row': row, 'control': control, 'metric': metric,
         'differences': differences(values, row, control, metric)}
        for row, control in study.pairs
        for metric, column in study.columns.items() if column.paired
    ]
    text = markdown(name, study, values, densities, checks, pairs)
    print(text)
    write_whole(RESULTS / f'effects_{name}.md', text)
    write_whole(
        RESULTS / f'effects_{name}.json',
        json.dumps({'seeds': list(study.seeds), 'rows': values,
                    'density': densities, 'checks': checks,
                    'pairs': pairs}, indent=1) + '\n')
    return all(check['met'] for check in checks)


def _density(model: dict[str, Any]) -> float | None:
    """Of the generator; of the first, if there are two."""
    return next(
        (facts.get('density', 1.0)
         for name, facts in model.get('networks', {}).items()
         if name.startswith('generator')), None)


if __name__ == '__main__':
    sys.exit(main())

"""Run the benchmarks, print tables, keep the figures.

``python -m benchmarks [NAME…] [--out FILE]``; without names, all of them.
Ratios within one run can be compared; seconds belong to one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / 'results'


def mask_update() -> dict[str, Any]:
    """One mask update of each schedule against concatenate-and-sort."""
    from .mask_update import SCHEDULES, measure
    found: dict[str, Any] = {}
    for millions in (30, 70):
        found[f'{millions} M weights'] = {}
        for name in SCHEDULES:
            row = measure(name, millions)
            found[f'{millions} M weights'][name] = row
            print(f'  {millions} M, {name}: {row}', flush=True)
    return found


def callbacks() -> dict[str, Any]:
    """Share of our callbacks in a training step, stock width and tiny."""
    from .callbacks import STOCK, TINY, measure
    found = {}
    for name in STOCK:
        found[name] = measure(name, steps=5)
        print(f'  {name}: {found[name]}', flush=True)
    found['tiny SNGAN-projection'] = measure(
        'SNGAN-projection 32', steps=50, model=TINY)
    return found


def prune() -> dict[str, Any]:
    """A masked step against ``torch.nn.utils.prune``, same weights."""
    from .rival_prune import measure
    return {'stock width 256': measure(256), 'width 16': measure(16, 50)}


def teacher_cost() -> dict[str, Any]:
    """A step with a teacher against the stock step and the teacher alone."""
    from .teacher_cost import CASES, TERMS, measure
    found: dict[str, Any] = {}
    for case in CASES:
        found[case] = {}
        for term in TERMS:
            row = found[case][term] = measure(case, term)
            print(f'  {case}, {term}: {row["passes"]} passes, at most '
                  f'{row["limit"]} wanted', flush=True)
    return found


def latency(only: Sequence[str] | None = None,
            batches: Sequence[int] | None = None) -> dict[str, Any]:
    """Generators at half width against full width, stock size, CPU."""
    from .latency import BATCHES, STOCK, measure
    found = {}
    for name in only or STOCK:
        found[name] = measure(name, batches or BATCHES)
        print(f'  {name}: {found[name]}', flush=True)
    return found


def uneven(only: Sequence[str] | None = None) -> dict[str, Any]:
    """Plans of equal MACs: the same share of each group, or any shares."""
    from .latency import STOCK
    from .uneven import measure
    found = {}
    for name in only or STOCK:
        found[name] = measure(name)
        print(f'  {name}: {found[name]}', flush=True)
    return found


def packed() -> dict[str, Any]:
    """Packed files at density 0.1, by the layers that are masked."""
    from .packed import STOCK, measure
    found = {}
    for name in STOCK:
        found[name] = measure(name)
        print(f'  {name}: {found[name]}', flush=True)
    return found


def search_epoch() -> dict[str, Any]:
    """An epoch of a search against a plain loop of the same arithmetic."""
    from .search_epoch import measure
    found = measure()
    assert found['ratio_median'] <= 1.05 or found['ratio_of_minima'] <= 1.05
    return found


BENCHMARKS = {
    'mask_update': mask_update,
    'callbacks': callbacks,
    'prune': prune,
    'teacher_cost': teacher_cost,
    'latency': latency,
    'uneven': uneven,
    'packed': packed,
    'search_epoch': search_epoch
}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks', description=__doc__.splitlines()[0])
    parser.add_argument(
        'names', nargs='*', metavar='NAME', help=', '.join(BENCHMARKS))
    parser.add_argument(
        '--out',
        type=Path,
        default=RESULTS,
        help='folder for one JSON file per benchmark')
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='FAMILY',
        help='latency, uneven: these alone, for example sagan-128')
    parser.add_argument(
        '--batch',
        nargs='+',
        type=int,
        choices=[8, 1],
        help='latency: these batch sizes alone')
    args = parser.parse_args()
    unknown = set(args.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f'no benchmark {min(unknown)!r}; there are '
                     f'{", ".join(BENCHMARKS)}')
    chosen = _chosen(parser, args)
    warnings.simplefilter('ignore')
    from mmgancomp.files import write_whole
    for name in args.names or BENCHMARKS:
        print(f'{name}: {BENCHMARKS[name].__doc__}', flush=True)
        found = {
            'machine': {
                'processor': platform.machine(),
                'cores': os.cpu_count(),
                'threads': torch.get_num_threads(),
                'torch': torch.__version__
            },
            'command': _command(name, args),
            'results': BENCHMARKS[name](*chosen)
        }
        text = json.dumps(found, indent=1)
        print(text)
        write_whole(args.out / f'{name}.json', text + '\n')
    print(f'kept in {args.out}')
    return 0


def _command(name: str, args: argparse.Namespace) -> str:
    words = ['python -m benchmarks', name]
    for flag, values in (('--only', args.only), ('--batch', args.batch)):
        words += [flag, *map(str, values)] if values else []
    return ' '.join(words)


def _chosen(parser: argparse.ArgumentParser,
            args: argparse.Namespace) -> list[Any]:
    """What of a benchmark is to run; empty: all of it."""
    if args.only is None and args.batch is None:
        return []
    if args.names not in (['latency'], ['uneven']):
        parser.error('--only belongs to latency or uneven, --batch to '
                     'latency: name it alone')
    from .latency import STOCK
    unknown = set(args.only or ()) - set(STOCK)
    if unknown:
        parser.error(f'no family {min(unknown)!r}; there are '
                     f'{", ".join(STOCK)}')
    if args.names == ['latency']:
        return [args.only, args.batch]
    if args.batch is not None:
        parser.error('--batch belongs to latency')
    return [args.only]


if __name__ == '__main__':
    sys.exit(main())

"""The whole product schedules × families × conditions, and its table.

The options of a schedule rotate through all that are legal with it, so that
each family meets each granularity, allocation and criterion. `make test-all`
keeps the table in ``benchmarks/results/matrix.md``.
"""

import itertools
import time
from pathlib import Path

import pytest

from mmgancomp.files import write_whole
from tests.support import matrix, ranks, tiny
from tests.support.cells import CONDITIONS, Case, levels

pytestmark = [pytest.mark.slow, *tiny.STOCK_WARNINGS]

TABLE = (
    Path(__file__).resolve().parents[2] / 'benchmarks' / 'results' /
    'matrix.md')


def cells():
    """One legal case per schedule, family and condition."""
    found, step = [], 0
    for schedule in levels()['schedule']:
        options = [
            row for row in itertools.product(*(
                levels()[n]
                for n in ('criterion', 'allocation', 'granularity')))
            if Case('dcgan', schedule, *row, 'plain').legal
        ]
        for family, condition in itertools.product(tiny.FAMILIES, CONDITIONS):
            found.append(
                Case(family, schedule, *options[step % len(options)],
                     condition))
            # Coprime to the number of conditions, or each condition would
            # meet the same options in every family.
            step += 1
        step += 1
    return found


CELLS = cells()
ALONE = [case for case in CELLS if case.condition != 'two processes']
TOGETHER = [case for case in CELLS if case.condition == 'two processes']


@pytest.fixture(scope='module')
def outcomes():
    """Case → (faults, seconds); written as a table in the end."""
    found = {}
    yield found
    if len(found) == len(CELLS):
        write_whole(TABLE, table(found))


def table(found):
    """One row per schedule and family, one column per condition."""
    lines = [
        '# Masks: schedules × families × conditions', '',
        'Written by `make test-all`. Each cell is a run of a stock config '
        'made tiny: «ok» says that the masks acted, that pruned weights, '
        'moments and EMA entries were zero after every update, and that the '
        'condition held (resumed runs bit-equal, ranks bit-equal, overflowed '
        'steps skipped). Seconds are of one busy machine.', '',
        '| schedule | family | ' + ' | '.join(CONDITIONS) + ' |',
        '| --- | --- |' + ' --- |' * len(CONDITIONS)
    ]
    for schedule, family in itertools.product(levels()['schedule'],
                                              tiny.FAMILIES):
        row = []
        for condition in CONDITIONS:
            case, = (c for c in found if (c.schedule, c.family, c.condition)
                     == (schedule, family, condition))
            faults, seconds = found[case]
            options = (f'{case.criterion}, {case.allocation}, '
                       f'{case.granularity}')
            took = '' if seconds is None else f', {seconds:.0f} s'
            row.append(f'{"; ".join(faults) or "ok"} ({options}{took})')
        lines.append(f'| {schedule} | {family} | ' + ' | '.join(row) + ' |')
    return '\n'.join(lines) + '\n'


@pytest.mark.parametrize('case', ALONE, ids=str)
def test_masks_act(case, tmp_path, outcomes):
    start = time.perf_counter()
    outcomes[case] = (['failed'], None)
    runner, watch = matrix.run_cell(case, tmp_path)
    faults = matrix.judge(case, runner, watch)
    outcomes[case] = (faults, time.perf_counter() - start)
    assert faults == []


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    return ranks.results(ranks.start(TOGETHER, folder), folder, 1800)


@pytest.mark.parametrize('case', TOGETHER, ids=str)
def test_two_processes_agree(case, two_processes, outcomes):
    faults = two_processes[str(case)]
    outcomes[case] = (faults, None)
    assert faults == []

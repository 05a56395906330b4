"""Two processes agree about narrowed networks, update after update."""

import pytest

from tests.support import ranks, tiny
from tests.support.slim_ranks import UPDATES, Narrowing

CASES = [Narrowing(family, 'divisor') for family in tiny.FAMILIES] + [
    Narrowing(family, 'plan') for family in ('dcgan', 'biggan', 'cyclegan')
]


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    started = ranks.start(CASES, folder, 'tests.support.slim_ranks', UPDATES)
    return ranks.results(started, folder, 1200)


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES, ids=str)
def test_slimmed_networks_are_bit_equal_on_both_ranks(case, two_processes):
    """Weights, masks, averages; and the checkpoint fits one process."""
    assert two_processes[str(case)] == []

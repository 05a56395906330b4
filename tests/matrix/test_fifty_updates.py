"""Two processes with different data hold the same masks for 50 updates."""

import pytest

from mmgancomp.sparsity import SCHEDULES
from tests.support import ranks
from tests.support.cells import Case

pytestmark = pytest.mark.slow

CASES = [
    Case('dcgan', schedule, 'magnitude', 'uniform', 'element',
         'two processes') for schedule in sorted(SCHEDULES.module_dict)
]


@pytest.fixture(scope='module')
def faults(tmp_path_factory):
    folder = tmp_path_factory.mktemp('fifty')
    return ranks.results(ranks.start(CASES, folder, updates=50), folder)


@pytest.mark.parametrize('case', CASES, ids=str)
def test_masks_are_equal_through_fifty_updates(case, faults):
    assert faults[str(case)] == []

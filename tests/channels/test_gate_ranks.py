"""Two processes agree about every gate, update after update."""

import pytest

from tests.support import ranks
from tests.support.gate_ranks import UPDATES, Gating


@pytest.mark.parametrize('family', [
    'dcgan', pytest.param('biggan', marks=pytest.mark.slow),
    pytest.param('cyclegan', marks=pytest.mark.slow)
])
def test_gates_are_bit_equal_after_20_updates(family, tmp_path):
    processes = ranks.start([Gating(family)], tmp_path,
                            'tests.support.gate_ranks', UPDATES)
    assert ranks.results(processes, tmp_path) == {family: []}

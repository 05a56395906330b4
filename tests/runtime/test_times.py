from __future__ import annotations

import pytest

from mmgancomp.errors import ConfigError
from mmgancomp.runtime.times import resolve_time


@pytest.mark.parametrize('value, update', [
    ('start', 0),
    ('end', 40),
    (0, 0),
    (7, 7),
    (400, 400),
    (.5, 20),
    (.01, 0),
    (.999, 40),
])
def test_a_time_is_a_number_of_updates(value, update):
    assert resolve_time(value, 40, 'key') == update


@pytest.mark.parametrize('value', [
    1., True, False, -1, -.5, 1.5, 0., float('nan'), float('inf'), 'later',
    '10', None, [1], (.5, )
], ids=repr)
def test_anything_else_is_refused(value):
    with pytest.raises(ConfigError, match='^some.key = ') as caught:
        resolve_time(value, 40, 'some.key')
    assert f' = {value!r}: write ' in str(caught.value)


@pytest.mark.parametrize('value', [1., True])
def test_what_can_be_read_in_two_ways_gets_both(value):
    with pytest.raises(ConfigError, match='1 for the first .* "end" for the'):
        resolve_time(value, 40, 'key')

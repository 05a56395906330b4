from __future__ import annotations

import math

import pytest

from mmgancomp.errors import ConfigError
from mmgancomp.runtime.guard import DivergenceGuard


def _judge(guard, *values):
    return [guard.judge({'fid': value}) for value in values]


def test_a_run_diverges_when_it_exceeds_its_best_by_the_factor():
    guard = DivergenceGuard('fid', factor=2.)
    *fine, reason = _judge(guard, 100., 40., 70., 80., 81.)
    assert fine == [None] * 4
    assert reason == ('fid is 81, its best was 40 (factor 2, '
                      '1 validations in a row)')


def test_patience_counts_only_validations_in_a_row():
    guard = DivergenceGuard('fid', factor=2., patience=2)
    assert _judge(guard, 10., 30., 15., 30.) == [None] * 4
    assert '2 validations in a row' in _judge(guard, 30.)[0]


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_what_is_no_number_is_divergence_from_the_first(value):
    assert _judge(DivergenceGuard('fid'), value)[0] is not None


def test_its_memory_can_be_saved():
    guard = DivergenceGuard('fid', patience=2)
    _judge(guard, 10., 30.)
    other = DivergenceGuard('fid', patience=2)
    other.load_state_dict(guard.state_dict())
    assert _judge(other, 30.)[0] is not None


def test_a_metric_that_the_validation_lacks_is_named_with_its_key():
    guard = DivergenceGuard.build(
        dict(metric='fid'), 'default_hooks.stages.stages.1.stop')
    with pytest.raises(ConfigError,
                       match=r"stages\.1\.stop\.metric = 'fid'.*known: is"):
        guard.judge(dict(iss=1.))


@pytest.mark.parametrize('spec, key', [
    ('fid', 'stop'),
    (dict(), 'stop.metric'),
    (dict(metric=3), 'stop.metric'),
    (dict(metric='fid', factor=True), 'stop.factor'),
    (dict(metric='fid', factor='2'), 'stop.factor'),
    (dict(metric='fid', factor=math.nan), 'stop.factor'),
    (dict(metric='fid', patience=True), 'stop.patience'),
    (dict(metric='fid', patience=1.5), 'stop.patience'),
    (dict(metric='fid', patient=1), 'stop.patient'),
])
def test_wrong_options_are_named(spec, key):
    with pytest.raises(ConfigError, match=f'^{key} = '):
        DivergenceGuard.build(spec, 'stop')

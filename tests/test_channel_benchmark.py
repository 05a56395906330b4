"""The benchmark of channel groups measures what it says."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import channel_analysis
from mmgancomp.evaluation.profile_model import subjects
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A tiny DCGAN in place of the stock models."""
    config = tiny.config('dcgan', tmp_path)
    monkeypatch.setattr(
        channel_analysis, '_subjects',
        lambda path: subjects(config, names=channel_analysis.ROLES))


def test_both_networks_are_analysed_and_cut(small):
    found = channel_analysis.measure('sagan-128')
    assert list(found) == ['generator', 'discriminator']
    for row in found.values():
        assert row['parameters_after'] <= .5 * row['parameters']
        for what in ('groups', 'plan', 'analysis', 'kill', 'cut'):
            times = row[f'{what}_ms']
            assert 0 < times['min'] <= times['median'] <= times['max']


def test_the_largest_is_analysed_alone_and_has_a_limit(
        small, monkeypatch, tmp_path, capsys):
    large = channel_analysis.LARGE[0]
    words = ['channel_analysis', '--only', large]
    monkeypatch.setattr(
        sys, 'argv', ['benchmarks', *words, '--out', str(tmp_path)])
    assert benchmarks.main() == 0
    kept = json.loads((tmp_path / 'channel_analysis.json').read_text())
    assert kept['command'] == 'python -m benchmarks ' + ' '.join(words)
    row = kept['results'][large]['generator']
    assert 'analysis_ms' in row and 'cut_ms' not in row
    monkeypatch.setattr(channel_analysis, 'LIMIT', 0)
    with pytest.raises(AssertionError):
        benchmarks.main()

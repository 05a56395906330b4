from __future__ import annotations

import pytest

from mmgancomp.report import text


@pytest.mark.parametrize('value,shown', [
    (None, '–'), (0, '0'), (9876, '9,876'), (63817, '63.8 k'),
    (999_999, '1.00 M'), (1_234_567, '1.23 M'), (2.5e9, '2.50 G')
])
def test_counts(value, shown):
    assert text.count_text(value) == shown


@pytest.mark.parametrize('value,shown', [(None, '–'), (0, '0 B'),
                                         (999, '999 B'), (36_100, '36.1 kB'),
                                         (12_300_000, '12.3 MB')])
def test_bytes(value, shown):
    assert text.bytes_text(value) == shown


@pytest.mark.parametrize('value,shown', [(None, '–'), (0, '0.0 %'),
                                         (1, '100.0 %'), (.1, '10.0 %'),
                                         (.99999, '99.999 %'),
                                         (.0001, '0.010 %')])
def test_a_rounded_share_is_never_all_or_nothing(value, shown):
    assert text.percent_text(value) == shown


@pytest.mark.parametrize('value,shown', [(None, '–'), (0., '0'), (12., '12'),
                                         (1.23456, '1.235'),
                                         (77.2469, '77.25')])
def test_metrics(value, shown):
    assert text.number_text(value) == shown


def test_ratios_say_nothing_without_both():
    assert text.ratio_text(None, 3) == text.ratio_text(3, None) == ''
    assert text.ratio_text(3, 0) == ''
    assert text.ratio_text(3, 3) == 'same'
    assert text.ratio_text(1, 4) == '× 0.25'


@pytest.mark.parametrize('seconds,shown', [(None, '–'), (42.4, '42 s'),
                                           (200, '3 min 20 s'),
                                           (7500, '2 h 05 min')])
def test_durations(seconds, shown):
    assert text.duration_text(seconds) == shown

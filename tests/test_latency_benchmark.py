"""The benchmark of half width measures what it says."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks import __main__ as benchmarks
from benchmarks import latency


@pytest.fixture
def small(monkeypatch):
    """Two convolutions after one another, in place of the generators."""

    def generator(name, divisor):
        width = 64 // divisor
        module = nn.Sequential(
            nn.Conv2d(8, width, 3), nn.Conv2d(width, width, 5))
        return SimpleNamespace(
            module=module,
            call=lambda batch: ((torch.ones(batch, 8, 32, 32), ), {}))

    monkeypatch.setattr(latency, 'generator', generator)
    monkeypatch.setattr(latency, 'STOCK', {'small': ''})
    monkeypatch.setattr(latency, 'THREADS', (1, ))
    monkeypatch.setattr(latency, 'BATCHES', (1, ))


def test_half_width_is_faster_and_the_costliest_layer_is_named(
        small, monkeypatch):
    monkeypatch.setattr(latency, 'AIM', 1e9)
    row = latency.measure('small', (1, ))['batch 1, 1 thread(s)']
    assert row['times_faster'] > 1
    assert row['times_faster'] == pytest.approx(
        row['dense_ms']['min'] / row['slim_ms']['min'], rel=0.01)
    layer = row['costliest_layer']
    assert layer['layer'] == '1' and layer['type'] == 'Conv2d'
    assert 0.5 < layer['share'] < 1
    assert layer['times_faster_than_dense'] > 1
    monkeypatch.setattr(latency, 'AIM', 0)
    row = latency.measure('small', (1, ))['batch 1, 1 thread(s)']
    assert 'costliest_layer' not in row


def test_time_of_a_module_is_its_own():
    inside = {'': 10., 'a.b': 4., 'a.b.c': 3., 'd': 1.}
    # The list `a` is never called itself.
    assert latency._own(inside) == {'': 5., 'a.b': 1., 'a.b.c': 3., 'd': 1.}


def test_one_family_at_one_batch_size(small, monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr(
        latency, 'measure',
        lambda name, batches: asked.append((name, batches)) or {})
    words = ['latency', '--only', 'small', '--batch', '1']
    monkeypatch.setattr(
        sys, 'argv', ['benchmarks', *words, '--out', str(tmp_path)])
    assert benchmarks.main() == 0
    assert asked == [('small', [1])]
    kept = json.loads((tmp_path / 'latency.json').read_text())
    assert kept['command'] == 'python -m benchmarks ' + ' '.join(words)
    assert kept['results'] == {'small': {}}


@pytest.mark.parametrize('words', [
    ['prune', '--only', 'sagan-128'],
    ['--batch', '1'],
    ['latency', '--only', 'sagan'],
    ['latency', '--only', 'stylegan2-1024'],
    ['channel_analysis', '--batch', '1'],
    ['latency', '--batch', '0'],
])
def test_what_does_not_fit_is_refused(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['benchmarks', *words])
    with pytest.raises(SystemExit) as ended:
        benchmarks.main()
    assert ended.value.code == 2
    assert 'error: ' in capsys.readouterr().err

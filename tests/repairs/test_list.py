"""The list of repairs, its switches, and what installing them costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from mmgancomp import repairs
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.repairs.repair import Repair


def test_every_repair_says_what_it_mends(root):
    listed = repairs.repairs()
    names = [repair.name for repair in listed]
    assert len(names) == len(set(names)) >= 15
    for repair in listed:
        assert re.fullmatch('[a-z_]+', repair.name)
        assert repair.fault and '\n' not in repair.fault
        assert repair.upstream == 'none known' or re.search(
            r'[\w-]+/[\w-]+#\d+', repair.upstream)
        assert repair.versions
    text = (root / 'docs' / 'repairs.md').read_text()
    assert re.findall(r'^\| `(\w+)` \|', text, re.MULTILINE) == names


def test_installing_is_light_and_happens_once():
    code = '''
import json, sys, time
import torch
from mmgancomp import repairs
start = time.perf_counter()
repairs.install()
took = time.perf_counter() - start
waiting = [r.status == f'waiting for import of {r.module}'
           for r in repairs.repairs()]
heavy = [m for m in ('mmagic', 'mmengine.runner') if m in sys.modules]
import mmengine.runner
first = mmengine.runner.load_state_dict
repairs.install()
print(json.dumps([took, all(waiting), heavy,
                  mmengine.runner.load_state_dict is first,
                  {r.name: r.status for r in repairs.repairs()}]))
'''
    out = subprocess.run([sys.executable, '-c', code],
                         capture_output=True,
                         text=True,
                         check=True)
    took, waiting, heavy, same, status = json.loads(out.stdout)
    assert took < 0.2
    assert waiting and not heavy and same
    assert status['safe_loading'] == status['cpu_sync_bn'] == 'applied'
    assert status['init_info'].startswith('waiting for import of mmagic')


def test_the_switch(monkeypatch):
    names = {repair.name for repair in repairs.repairs()}
    for given, off in (('', set()), ('all', names),
                       (' init_info, no_sync,', {'init_info', 'no_sync'})):
        monkeypatch.setenv(repairs.SWITCH, given)
        assert repairs._switched_off() == off
    monkeypatch.setenv(repairs.SWITCH, 'init_info,no_sink')
    with pytest.raises(ConfigError) as caught:
        repairs._switched_off()
    message = str(caught.value)
    assert "did you mean 'no_sync'" in message
    assert 'known: adam_betas, ' in message


def test_versions_are_checked(monkeypatch):
    installed = {'torch': '2.11.0+cu130', 'mmagic': '1.2.0'}
    monkeypatch.setattr(repairs, '_version', installed.get)
    assert repairs._mismatch(('torch>=2.6', 'mmagic==1.2.0')) is None
    assert repairs._mismatch(('mmagic==1.2.0', 'torch<2.6')) == (
        'torch 2.11.0+cu130')
    assert repairs._mismatch(('mmengine<0.11', )) == (
        'mmengine is not installed')


def test_a_repair_that_does_not_fit_says_so():

    def apply(module):
        raise AttributeError('no load_state_dict')

    repair = Repair('odd', 'x', 'none known', 'json', ('torch', ), apply)
    with pytest.raises(MMGanCompError, match='MMGANCOMP_NO_REPAIRS=odd'):
        repairs._apply(repair, json)
    assert repair.status == 'failed: no load_state_dict'

"""Files that are broken or mean harm: one message, and nothing of them runs.

Checkpoints to export, test and profile are in tests/export/test_mmagic.py,
packed files and ONNX files beside it.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from mmgancomp.channels import ChannelPlan
from mmgancomp.cli.main import main
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.sparsity.packed import load
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


class Harm:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark, )


def harmful(folder: Path) -> bytes:
    path = folder / 'harm.pth'
    torch.save(dict(state_dict=dict(weight=Harm(folder / 'ran'))), path)
    return path.read_bytes()


CONTENTS = {
    'code': harmful,
    'old pickle with code':
    lambda folder: pickle.dumps(Harm(folder / 'ran')),
    'truncated': lambda folder: harmful(folder)[:200],
    'empty': lambda folder: b'',
    'noise': lambda folder: bytes(range(256)) * 4,
    'another kind': lambda folder: b'{"schema": 1}',
}


def masks(ticket):
    return dict(
        sparsity=dict(
            type='mmgancomp.SparsityHook',
            networks=dict(
                generator=dict(
                    schedule=dict(type='Fixed', ticket=str(ticket))))))


def taught(checkpoint):
    return dict(
        distillation=dict(
            type='mmgancomp.DistillationHook',
            teacher=dict(checkpoint=str(checkpoint)),
            generator=dict(guide=dict(type='mmgancomp.OutputL1Loss'))))


@pytest.mark.parametrize('what', CONTENTS)
@pytest.mark.parametrize('hooks', [masks, taught])
def test_tickets_and_teachers(hooks, what, tmp_path, capsys):
    bad = tmp_path / 'bad.file'
    bad.write_bytes(CONTENTS[what](tmp_path))
    config = tiny.config('dcgan', tmp_path, default_hooks=hooks(bad))
    assert main(['plan', config.filename]) == 2
    said = [line for line in capsys.readouterr().err.splitlines()
            if line.startswith('error: ')]
    assert len(said) == 1 and str(bad) in said[0]
    assert not (tmp_path / 'ran').exists()


PLANS = {
    'a list': [],
    'a number': 7,
    'no networks': dict(schema=1),
    'networks are a list': dict(schema=1, networks=[1]),
    'an entry is text': dict(schema=1, networks=dict(generator='half')),
    'channels are text': dict(
        schema=1, networks=dict(generator={'conv1': ['0']})),
    'channels are true': dict(
        schema=1, networks=dict(generator={'conv1': [True]})),
    'a divisor is text': dict(
        schema=1, networks=dict(generator=dict(divisor='2'))),
    'a divisor is negative': dict(
        schema=1, networks=dict(generator=dict(divisor=-2))),
    'of tomorrow': dict(schema=2, networks=dict(generator=dict(divisor=2))),
}


def refused(path):
    with pytest.raises(ConfigError) as error:
        ChannelPlan.read(path)
    message = str(error.value)
    assert '\n' not in message and message.startswith('plan'), message


@pytest.mark.parametrize('what', PLANS)
def test_plans_of_wrong_types(what, tmp_path):
    path = tmp_path / 'plan.json'
    path.write_text(json.dumps(PLANS[what]))
    refused(path)


@pytest.mark.parametrize('content', [
    b'', b'{"schema": 1', b'[' * 100_000, b'\x00', b'\xff\xfe', b'"\\ud800"'
])
def test_plans_that_are_no_json(content, tmp_path):
    path = tmp_path / 'plan.json'
    path.write_bytes(content)
    refused(path)


def test_a_config_with_such_a_plan(tmp_path, capsys):
    path = tmp_path / 'plan.json'
    path.write_bytes(harmful(tmp_path))
    base = tiny.config('dcgan', tmp_path)
    config = tmp_path / 'planned.py'
    config.write_text(
        f'_base_ = [{str(base.filename)!r}]\n'
        'model = dict(generator=dict(\n'
        "    _delete_=True, type='mmgancomp.Slimmed',\n"
        '    network={{_base_.model.generator}},\n'
        f'    plan={str(path)!r}))\n')
    assert main(['plan', str(config)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines()
            if line.startswith('error: ')]
    assert len(said) == 1 and 'plan' in said[0]
    assert not (tmp_path / 'ran').exists()


def test_a_packed_file_is_no_pickle(tmp_path):
    path = tmp_path / 'g.safetensors'
    path.write_bytes(harmful(tmp_path))
    with pytest.raises(MMGanCompError, match='not a packed file'):
        load(path)
    assert not (tmp_path / 'ran').exists()

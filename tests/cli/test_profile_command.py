from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from mmgancomp.cli.main import main
from mmgancomp.evaluation import profile_latency
from mmgancomp.evaluation.profile_model import subjects
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(profile_latency, '_SECONDS', 0.)
    return tiny.config('dcgan', tmp_path)


def save(config, path):
    generator, = subjects(config)
    state = {
        f'generator.{name}': value
        for name, value in generator.module.state_dict().items()
    }
    torch.save(dict(state_dict=state), path)
    return str(path)


def test_json_is_all_of_stdout(tmp_path, root):
    config = tiny.config('dcgan', tmp_path)
    checkpoint = save(config, tmp_path / 'a.pth')
    done = subprocess.run(
        [
            sys.executable, root / 'tools' / 'profile.py', config.filename,
            checkpoint, '--json', '--layers', '--batch', '2'
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found['schema'] == 1
    model, = found['models']
    assert model['checkpoint'] == checkpoint
    assert model['networks']['generator']['weights'] == 'live'
    assert model['latency_ms']['batch'] == 2
    assert model['networks']['generator']['layers']
    assert 'Loads checkpoint' in done.stderr


def test_table_compares_two_models(config, tmp_path, capsys):
    checkpoint = save(config, tmp_path / 'a.pth')
    path = config.filename
    code = main([
        'profile', path, checkpoint, '--against', path, '--layers',
        '--networks', 'all'
    ])
    assert code != 0  # the file holds the generator only
    assert 'holds no weights discriminator.*' in capsys.readouterr().err
    assert main(['profile', path, checkpoint, '--against', path,
                 '--layers']) == 0
    shown = capsys.readouterr().out
    assert 'tiny_dcgan as initialised' in shown
    assert 'timed in turn' in shown
    assert 'ConvTranspose2d' in shown
    shares = [float(line.split()[-2]) for line in shown.splitlines()
              if 'ConvTranspose2d' in line]
    assert sum(shares) == pytest.approx(2 * 100, abs=1)


def test_overrides_are_those_of_the_profiled_config(config, capsys):
    option = 'model.generator.base_channels=16'
    other = config.dump()
    path = config.filename.replace('tiny_', 'other_')
    with open(path, 'w') as file:
        file.write(other)
    code = main([
        'profile', config.filename, '--against', path, '--json',
        '--cfg-options', option
    ])
    assert code == 0
    small, big = json.loads(capsys.readouterr().out)['models']
    assert (small['networks']['generator']['params'] <
            big['networks']['generator']['params'])
    assert big['reference']


@pytest.mark.parametrize('words,said', [
    (['gone.pth'], "checkpoint = 'gone.pth': there is no such file"),
    (['--against', 'a', 'b', 'c'], "--against = 'a b c'"),
    (['--against', 'gone.py'], "config = 'gone.py'"),
    (['--networks', 'critic'], "--networks = 'critic'"),
])
def test_wrong_arguments_are_one_line(config, capsys, words, said):
    assert main(['profile', config.filename, *words]) == 2
    assert f'error: {said}' in capsys.readouterr().err


@pytest.mark.parametrize('flag', ['--batch', '--threads', '--size'])
@pytest.mark.parametrize('value', ['0', '-1', 'x', '1.5'])
def test_counts_are_positive_whole_numbers(flag, value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(['profile', 'c.py', f'{flag}={value}'])
    assert ended.value.code == 2
    assert f'argument {flag}: expected a whole number' in (
        capsys.readouterr().err)


def test_macs_as_a_paper_counts_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(profile_latency, '_SECONDS', 0.)
    config = tiny.config('biggan', tmp_path)
    assert main(['profile', config.filename, '--json', '--networks',
                 'all']) == 0
    networks = json.loads(capsys.readouterr().out)['models'][0]['networks']
    generator = networks['generator']
    # Base 4: three blocks of 16 channels, conditioned on 3 classes.
    blocks = sum(19 * 16 * 16 * edge**2 + 3 * 32
                 for edge in (8, 16, 32))
    assert generator['macs']['paper'] == blocks + 27 * 16 * 32**2
    assert generator['macs']['executed'] != generator['macs']['paper']
    assert generator['conventions'] == dict(paper='DGL-GAN, Table 4')
    assert set(networks['discriminator']['macs']) == {'executed'}

    assert main(['profile', config.filename]) == 0
    shown = capsys.readouterr().out
    assert 'MACs, paper' in shown and 'DGL-GAN, Table 4' in shown


def test_no_column_where_no_paper_counts(config, capsys):
    assert main(['profile', config.filename]) == 0
    assert 'paper' not in capsys.readouterr().out

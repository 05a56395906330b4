from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from mmgancomp import plugins
from mmgancomp.cli import plugins as plugins_command
from mmgancomp.cli.main import main
from mmgancomp.runtime.building import build_model
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture
def tested(tmp_path, monkeypatch):
    """A config with something to test with, and a checkpoint."""
    monkeypatch.setenv('LOCAL_RANK', '0')
    config = tiny.config('dcgan', tmp_path / 'run')
    metric = dict(
        type='MS_SSIM', prefix='ms-ssim', fake_nums=4, sample_model='orig')
    config = tiny.config(
        'dcgan',
        tmp_path / 'run',
        test_cfg=dict(type='MultiTestLoop'),
        test_dataloader=dict(
            batch_size=4,
            num_workers=0,
            persistent_workers=False,
            dataset=config.train_dataloader.dataset.to_dict(),
            sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(type='Evaluator', metrics=[metric]))
    checkpoint = tmp_path / 'a.pth'
    torch.save(
        dict(state_dict=build_model(config).state_dict()), checkpoint)
    return config.filename, str(checkpoint)


def test_test_prints_and_writes_the_metrics(tested, tmp_path, capsys):
    out = tmp_path / 'new' / 'metrics.json'
    assert main(['test', *tested, '--out', str(out)]) == 0
    metrics = json.loads(out.read_text())
    assert list(metrics) == ['ms-ssim/avg']
    shown = capsys.readouterr().out
    assert f'{metrics["ms-ssim/avg"]:.4f}' in shown
    assert str(out) in shown


@pytest.mark.parametrize('words,said', [
    (['--out', 'a.txt'], "--out = 'a.txt': must end in one of .json"),
    (['--cfg-options', 'test_evaluator=None'], 'test_evaluator = None'),
])
def test_test_refuses_what_cannot_work(tested, capsys, words, said):
    assert main(['test', *tested, *words]) == 2
    assert f'error: {said}' in capsys.readouterr().err


def test_test_without_a_checkpoint_file(tested, capsys):
    assert main(['test', tested[0], 'gone.pth']) == 2
    assert "checkpoint = 'gone.pth'" in capsys.readouterr().err


def test_report_command_says_where_the_page_is(tmp_path, capsys):
    record = dict(schema=1, models=[dict(name='only')])
    (tmp_path / 'compression.json').write_text(json.dumps(record))
    out = tmp_path / 'page.html'
    code = main(
        ['report', str(tmp_path), '--out', str(out), '--title', 'A & B'])
    assert code == 0 and str(out) in capsys.readouterr().out
    assert '<h1>A &amp; B</h1>' in out.read_text()
    assert main(['report', str(tmp_path / 'none')]) == 2
    assert 'no such file' in capsys.readouterr().err


def test_plugins_lists_families_and_repairs(capsys):
    assert main(['plugins', '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    names = [plugin['name'] for plugin in found['plugins']]
    assert 'mmgancomp.stylegan2' in names
    assert {'init_info', 'safe_loading'} <= {
        repair['name'] for repair in found['repairs']
    }
    for repair in found['repairs']:
        assert repair['fault'] and not repair['status'].startswith('waiting')
    assert main(['plugins']) == 0
    shown = capsys.readouterr().out
    assert 'mmgancomp.stylegan2' in shown and 'safe_loading' in shown


def test_a_broken_plugin_is_a_row_and_an_exit_code(monkeypatch, capsys):
    broken = plugins.PluginInfo(
        'theirs', 'stranger 1.0', status='broken', error='ImportError: x')
    monkeypatch.setattr(plugins, 'listing', lambda: [broken])
    assert main(['plugins']) == 1
    shown = capsys.readouterr().out
    assert 'theirs' in shown and 'ImportError: x' in shown


def test_statuses_have_colours():
    assert plugins_command._marked('applied').startswith('[green]')
    assert plugins_command._marked('failed: x').startswith('[red]')
    assert plugins_command._marked('off ([a])') == r'[yellow]off (\[a])[/]'


@pytest.fixture
def echo(tmp_path):
    """A program that prints its name, arguments and some environment."""

    def make(name):
        path = tmp_path / name
        path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n'
                        'echo "threads=$OMP_NUM_THREADS"\n'
                        'echo "port=$MASTER_PORT"\n')
        path.chmod(0o755)
        return path

    return make


def launch(root, script, *words, **environment):
    return subprocess.run([root / 'tools' / script, *words],
                          capture_output=True,
                          text=True,
                          env=os.environ | environment)


def test_dist_train_forwards_everything(root, echo):
    done = launch(
        root,
        'dist_train.sh',
        'a b.py',
        '2',
        '--resume',
        '--cfg-options',
        'x=[1, 2]',
        PYTHON=str(echo('python')),
        PORT='1234',
        NNODES='3',
        NODE_RANK='1',
        MASTER_ADDR='host')
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    for expected in ('--nnodes=3', '--node_rank=1', '--nproc_per_node=2',
                     '--master_addr=host', '--master_port=1234'):
        assert expected in words
    assert words[:2] == ['-m', 'torch.distributed.run']
    assert words[-9:-2] == [
        str(root / 'tools/train.py'), 'a b.py', '--launcher', 'pytorch',
        '--resume', '--cfg-options', 'x=[1, 2]'
    ]


def test_slurm_train_asks_for_what_it_uses(root, echo):
    srun = echo('srun')
    done = launch(
        root,
        'slurm_train.sh',
        'part',
        'job',
        'a b.py',
        'work dir',
        '--amp',
        PATH=f'{srun.parent}:{os.environ["PATH"]}',
        GPUS='4',
        SRUN_ARGS='--quotatype=auto --time=5')
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    for expected in ('--partition=part', '--job-name=job', '--gres=gpu:4',
                     '--ntasks=4', '--ntasks-per-node=4', '--time=5'):
        assert expected in words
    assert words[-9:-2] == [
        str(root / 'tools/train.py'), 'a b.py', '--work-dir', 'work dir',
        '--launcher', 'slurm', '--amp'
    ]
    assert 12000 <= int(words[-1].partition('=')[2]) < 32000


@pytest.mark.parametrize('script,words', [
    ('dist_train.sh', ['c.py']),
    ('slurm_train.sh', ['part', 'job', 'c.py']),
])
def test_launchers_say_how_they_are_used(root, script, words):
    done = launch(root, script, *words)
    assert done.returncode == 2
    assert 'usage: ' in done.stderr


@pytest.mark.slow
def test_two_processes_on_a_cpu(root, tmp_path):
    config = tiny.config('cyclegan', tmp_path, iterations=2, checkpoint=2)
    done = launch(
        root,
        'dist_train.sh',
        config.filename,
        '2',
        PYTHON=sys.executable,
        PORT='29633')
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('Next\n') == 1
    assert (tmp_path / 'iter_2.pth').is_file()

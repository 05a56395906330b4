from __future__ import annotations

import re

import pytest
import torch
from mmengine.runner import Runner

from mmgancomp.cli.main import main
from tests.support import tiny

pytestmark = [
    *tiny.STOCK_WARNINGS,
    # Two runs of one process that start within a second share a name.
    pytest.mark.filterwarnings('ignore:.*has been created, the method'),
]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes a DCGAN config of 4 iterations, gives its file."""
    # `train` sets it for torch.distributed, as MMagic's command does.
    monkeypatch.setenv('LOCAL_RANK', '0')

    def write(**more):
        work = tmp_path / 'run'
        return tiny.config(
            'dcgan', work, iterations=4, checkpoint=2, **more).filename

    return write


def test_train_ends_with_where_everything_is(config, tmp_path, capsys):
    path = config(
        **{
            'default_hooks.sparsity':
            dict(
                type='mmgancomp.SparsityHook',
                networks=dict(
                    generator=dict(density=.5, schedule='OneShot')))
        })
    assert main(['train', path, '--work-dir', str(tmp_path / 'w')]) == 0
    shown = capsys.readouterr().out
    ending = shown[shown.rindex('\nLogs '):]
    assert f'{tmp_path}/w (newest: iter_4.pth)' in ending
    assert f'Record       {tmp_path}/w/compression.json' in ending
    assert f'profile {path} {tmp_path}/w/iter_4.pth' in ending
    assert f'report {tmp_path}/w' in ending
    assert ' test ' not in ending  # the config has nothing to test with


def test_resume_goes_on_and_without_a_checkpoint_begins(config, tmp_path):
    path = config()
    arguments = ['train', path, '--resume', '--cfg-options']
    assert main([*arguments, 'train_cfg.max_iters=2']) == 0
    assert main([*arguments, 'train_cfg.max_iters=4']) == 0
    assert (tmp_path / 'run' / 'iter_4.pth').is_file()
    # Resumed, not trained again: each start logs two iterations. Started
    # within one second, they share a folder.
    logs = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    steps = re.findall('"step": ([0-9]+)',
                       ''.join(log.read_text() for log in logs))
    assert sorted(steps) == list('1234')


def test_resume_of_a_second_stage_is_not_the_end_of_the_first(
        config, tmp_path, monkeypatch):
    seen = []

    def train(self):
        seen.append((self._resume, self._load_from))

    monkeypatch.setattr(Runner, 'train', train)
    first = tmp_path / 'first.pth'
    torch.save(dict(state_dict={}), first)
    path = config(load_from=str(first))
    own = tmp_path / 'run' / 'iter_2.pth'
    arguments = ['train', path, '--resume']
    # Nothing of this run yet: it starts from the first stage's weights.
    assert main(arguments) == 0
    torch.save({}, own)
    own.with_name('last_checkpoint').write_text(str(own))
    assert main(arguments) == 0
    # Asked for by name: resume from exactly there.
    assert main([*arguments, '--cfg-options', f'load_from={first}']) == 0
    assert seen == [(False, str(first)), (True, None), (True, str(first))]


def test_interruption_says_how_to_go_on(config, capsys, monkeypatch):

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Runner, 'train', interrupted)
    path = config()
    code = main(['train', path, '--cfg-options', 'randomness.seed=3'])
    assert code == 130
    error = capsys.readouterr().err
    assert f'train {path} --work-dir' in error
    assert '--cfg-options randomness.seed=3 --resume' in error


def learning_rates(monkeypatch):
    seen = {}

    def train(self):
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        self.scale_lr(self.optim_wrapper, self.auto_scale_lr)
        seen.update((name, values[0])
                    for name, values in self.optim_wrapper.get_lr().items())

    monkeypatch.setattr(Runner, 'train', train)
    return seen


def test_learning_rates_are_scaled_when_asked(config, monkeypatch):
    seen = learning_rates(monkeypatch)
    path = config(auto_scale_lr=dict(base_batch_size=16))
    assert main(['train', path]) == 0
    before = dict(seen)
    assert main(['train', path, '--auto-scale-lr']) == 0
    assert seen == {name: rate / 4 for name, rate in before.items()}


@pytest.mark.parametrize('words,said', [
    (['--auto-scale-lr'], 'auto_scale_lr = None: --auto-scale-lr needs'),
    (['--cfg-options', 'load_from=gone.pth'], "load_from = 'gone.pth'"),
    (['--cfg-options', 'train_cfg=None'], 'train_cfg = None'),
])
def test_what_cannot_work_is_said_before_anything_is_built(
        config, capsys, monkeypatch, words, said):
    monkeypatch.setattr(Runner, 'from_cfg', None)
    assert main(['train', config(), *words]) == 2
    assert f'error: {said}' in capsys.readouterr().err


def test_flags_of_launchers(config, monkeypatch):
    seen = []
    monkeypatch.setattr(Runner, 'from_cfg',
                        lambda config: seen.append(config.launcher))
    for flag in ('--local_rank=1', '--local-rank=1'):
        with pytest.raises(AttributeError):  # no runner was built
            main(['train', config(), '--launcher', 'pytorch', flag])
    assert seen == ['pytorch'] * 2
    with pytest.raises(SystemExit):
        main(['train', 'c.py', '--launcher', 'rsh'])

"""``mmgancomp prune``, and the run that goes on from what it wrote."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from mmengine import Config

from mmgancomp import families
from mmgancomp.channels import ChannelPlan
from mmgancomp.cli.main import main
from mmgancomp.errors import ConfigError
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS


def document(out: str) -> dict:
    """What was printed, without what loggers of earlier runs hold to."""
    return json.loads(out[out.index('\n{') + 1 if '\n{' in out else 0:])


class Trained:
    """A run of two iterations, and a folder to prune into."""

    def __init__(self, family: str, folder: Path, **overrides) -> None:
        self.folder = folder
        self.config = tiny.config(
            family,
            folder / 'dense',
            iterations=2,
            checkpoint=2,
            default_hooks=dict(
                compression=dict(type='mmgancomp.RunStateHook')),
            **overrides)
        runs.train(self.config)
        self.checkpoint = folder / 'dense' / 'iter_2.pth'

    def prune(self, capsys, *words: str, code: int = 0) -> dict | str:
        capsys.readouterr()
        found = main([
            'prune', self.config.filename,
            str(self.checkpoint), '--out',
            str(self.folder / 'slim'), '--json', *words
        ])
        out = capsys.readouterr()
        assert found == code, out.err
        return document(out.out) if code == 0 else out.err

    def going_on(self, found: dict, name: str, **entries) -> Config:
        """The config that the command has printed, in a file."""
        path = self.folder / name / 'source' / 'slim.py'
        path.parent.mkdir(parents=True)
        lines = [
            *found['config_lines'], f'work_dir = {str(path.parents[1])!r}',
            f'experiment_name = {f"prune_{name}_{os.getpid()}"!r}'
        ]
        lines += [f'{key} = {value!r}' for key, value in entries.items()]
        path.write_text('\n'.join(lines) + '\n')
        return Config.fromfile(path)


@pytest.fixture(scope='module')
def biggan(tmp_path_factory) -> Trained:
    """With an EMA copy and spectral norm."""
    return Trained('biggan', tmp_path_factory.mktemp('biggan'))


@pytest.fixture(scope='module')
def dcgan(tmp_path_factory) -> Trained:
    return Trained('dcgan', tmp_path_factory.mktemp('dcgan'))


def shapes(path: Path, prefix: str) -> dict[str, tuple]:
    return {
        key: tuple(value.shape)
        for key, value in runs.load(path)['state_dict'].items()
        if key.startswith(prefix)
    }


def test_train_prune_train_on_resume(biggan, capsys):
    found = biggan.prune(capsys, '--target', 'macs=0.5', '--multiple', '1')
    cost = found['networks']['generator']
    assert .3 < cost['macs'] / cost['macs_before'] <= .5
    assert 0 < cost['difference_killed']
    # The plan counts as the command says, and both copies are cut to it.
    plan = ChannelPlan.read(found['plan']).networks['generator'].kept
    for name, counts in cost['groups'].items():
        assert counts['kept'] == len(plan.get(name,
                                              range(counts['channels'])))
    slim = Path(found['checkpoint'])
    live = shapes(slim, 'generator.')
    average = shapes(slim, 'generator_ema.module.')
    assert list(live.values()) == list(average.values())
    dense = shapes(biggan.checkpoint, 'generator.')
    assert live.keys() == dense.keys()
    assert live != dense
    assert shapes(slim, 'discriminator.') == shapes(biggan.checkpoint,
                                                    'discriminator.')

    runner = runs.train(
        biggan.going_on(found, 'on', train_cfg=dict(max_iters=4)))
    trained = families.base.bare(runner.model).generator
    assert {f'generator.{k}': tuple(v.shape)
            for k, v in trained.state_dict().items()} == live
    end = runs.load(biggan.folder / 'on' / 'iter_4.pth')
    entry = end['mmgancomp']['channels']['plan']['networks']['generator']
    assert entry == {name: list(kept) for name, kept in plan.items()}
    again = biggan.going_on(found, 'again', train_cfg=dict(max_iters=4))
    again.load_from = None  # as --resume has it
    runs.train(runs.resume_from(again, biggan.folder / 'on', 2))
    resumed = runs.load(biggan.folder / 'again' / 'iter_4.pth')
    assert runs.differences(
        runs.training_state(end), runs.training_state(resumed)) == []


def test_the_weights_go_on_where_killing_left_them(dcgan, capsys):
    found = dcgan.prune(capsys, '--target', 'params=0.6', '--multiple', '1')
    config = dcgan.going_on(
        found, 'first', train_cfg=dict(max_iters=1),
        default_hooks=dict(checkpoint=dict(interval=1)))

    from mmengine.hooks import Hook

    class First(Hook):
        priority = 'LOWEST'

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            self.state = {
                k: v.clone() for k, v in runner.model.state_dict().items()
            }

    hook = First()
    runs.train(config, hook)
    loaded = runs.load(Path(found['checkpoint']))['state_dict']
    assert runs.differences(hook.state, loaded) == []
    record = json.loads(
        (dcgan.folder / 'first' / 'compression.json').read_text())
    assert 'noise2feat' in json.dumps(record['models'][0]['networks'])


def test_weights_of_another_shape_name_the_command(dcgan, capsys):
    found = dcgan.prune(capsys, '--target', 'params=0.5')
    config = dcgan.going_on(found, 'wrong')
    config.load_from = str(dcgan.checkpoint)
    with pytest.raises(ConfigError, match='slim.pth that `mmgancomp prune '
                       'CONFIG CHECKPOINT` wrote'):
        runs.train(config)


def test_width_is_that_of_a_divisor(dcgan, capsys):
    found = dcgan.prune(capsys, '--target', 'width=0.5', '--networks', 'all')
    config = dcgan.config.copy()
    for role in 'generator', 'discriminator':
        config.model[role] = dict(
            type='mmgancomp.Slimmed', network=config.model[role], divisor=2)
    from mmgancomp.runtime.building import build_model
    half = build_model(config)
    slim = runs.load(Path(found['checkpoint']))['state_dict']
    assert {k: v.shape for k, v in slim.items()
            } == {k: v.shape for k, v in half.state_dict().items()}
    # The lines of a config say how these widths come about from stock.
    build_model(dcgan.going_on(found, 'half')).load_state_dict(slim)


def test_pruning_twice_counts_in_the_stock_network(dcgan, capsys, tmp_path):
    first = dcgan.prune(capsys, '--target', 'params=0.7', '--multiple', '1')
    on = dcgan.going_on(first, 'twice', train_cfg=dict(max_iters=2))
    once = ChannelPlan.read(first['plan']).networks['generator'].kept
    code = main([
        'prune', on.filename, first['checkpoint'], '--target', 'params=0.6',
        '--multiple', '1', '--out', str(tmp_path), '--json'
    ])
    second = document(capsys.readouterr().out)
    assert code == 0
    twice = ChannelPlan.read(second['plan']).networks['generator'].kept
    assert twice != once
    for name, kept in once.items():
        assert set(twice[name]) <= set(kept)
    last = tmp_path / 'last.py'
    last.write_text('\n'.join(second['config_lines']) + '\n')
    from mmgancomp.runtime.building import build_model
    model = build_model(Config.fromfile(last))
    model.load_state_dict(
        runs.load(Path(second['checkpoint']))['state_dict'], strict=True)


def test_two_generators_share_a_plan(tmp_path, capsys):
    trained = Trained('cyclegan', tmp_path)
    found = trained.prune(capsys, '--target', 'params=0.5', '--criterion',
                          'magnitude', '--allocation', 'global')
    assert set(found['networks']) == {'generators.photo', 'generators.mask'}
    assert set(ChannelPlan.read(found['plan']).networks) == {'generator'}
    one, other = (found['networks'][name]['groups']
                  for name in found['networks'])
    assert one == other
    counts = {name: g['kept'] / g['channels'] for name, g in one.items()}
    assert len(set(counts.values())) > 2
    from mmgancomp.runtime.building import build_model
    model = build_model(trained.going_on(found, 'on'))
    model.load_state_dict(
        runs.load(Path(found['checkpoint']))['state_dict'], strict=True)
    said = trained.prune(capsys, '--target', 'params=0.5', '--networks',
                         'generators.photo', code=2)
    assert 'generators.mask is built by the same config' in said


def test_filters_that_masks_have_emptied_go(tmp_path, capsys):
    masks = dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(
                density=.5, granularity='filter', allocation='uniform')))
    trained = Trained('dcgan', tmp_path)
    said = trained.prune(capsys, '--target', 'empty', code=2)
    assert 'no filter of generator is zero' in said
    masked = Trained('dcgan', tmp_path / 'masked')
    masked.config = tiny.config(
        'dcgan', tmp_path / 'masked' / 'm', iterations=2, checkpoint=2,
        default_hooks=dict(sparsity=masks))
    runs.train(masked.config)
    masked.checkpoint = tmp_path / 'masked' / 'm' / 'iter_2.pth'
    found = masked.prune(capsys, '--target', 'empty')
    counts = found['networks']['generator']['groups']
    assert [g['kept'] for g in counts.values()] == [16, 8, 4]
    # A network whose filters are all there stays as it is.
    both = masked.prune(capsys, '--target', 'empty', '--networks', 'all')
    assert list(both['networks']) == ['generator']
    assert len(both['config_lines'][1].split('mmgancomp.Slimmed')) == 2


@pytest.mark.parametrize('words,said', [
    (['--target', 'mac=0.5'], "--target = 'mac=0.5': did you mean 'macs'"),
    (['--target', 'macs'], 'between 0 and 1, like macs=0.5'),
    (['--target', 'macs=1.5'], 'between 0 and 1'),
    (['--target', 'width=0.7'], 'a width is one over a divisor'),
    (['--target', 'empty=1'], 'empty takes no number'),
    (['--target', 'params=0.001'], 'is the least that removing channels'),
    (['--target', 'macs=0.5', '--multiple', '0'], '--multiple = 0'),
    (['--target', 'macs=0.5', '--networks', 'g'], "--networks = 'g'"),
])
def test_wrong_words_are_one_sentence(words, said, dcgan, capsys):
    error = dcgan.prune(capsys, *words, code=2)
    assert said in error
    assert error.strip().splitlines()[-1].startswith('error: ')


class Bomb:

    def __reduce__(self):
        return os.mkdir, ('exploded', )


@pytest.mark.parametrize('how', ['truncated', 'malicious', 'other', 'gone'])
def test_checkpoints_that_are_none(how, dcgan, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'wrong.pth'
    whole = dcgan.checkpoint.read_bytes()
    if how == 'truncated':
        path.write_bytes(whole[:len(whole) // 2])
    elif how == 'malicious':
        path.write_bytes(pickle.dumps({'state_dict': Bomb()}))
    elif how == 'other':
        torch.save({'state_dict': {'generator.x': torch.ones(2)}}, path)
    code = main([
        'prune', dcgan.config.filename, str(path), '--target', 'macs=0.5',
        '--out', str(tmp_path / 'out')
    ])
    error = capsys.readouterr().err
    assert code == 2
    assert 'wrong.pth' in error.strip().splitlines()[-1]
    assert not (tmp_path / 'exploded').exists()
    assert not (tmp_path / 'out').exists()


def test_tables_for_people(dcgan, capsys, tmp_path):
    assert main([
        'prune', dcgan.config.filename, str(dcgan.checkpoint), '--target',
        'macs=0.5', '--out', str(tmp_path)
    ]) == 0
    out = capsys.readouterr().out
    for words in ('channel group', 'upsampling.0', 'parameters', 'MACs',
                  'changed the output by', 'then changed it by',
                  "type='mmgancomp.Slimmed'",
                  'load_from = '):
        assert words in out
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'plan.json', 'slim.pth'
    ]

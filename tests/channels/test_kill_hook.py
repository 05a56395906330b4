"""Channels that fade out during a run, and what it writes at the end."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine import Config
from mmengine.hooks import Hook

from mmgancomp import families
from mmgancomp.channels import ChannelPlan, NetworkPlan, channel_groups
from mmgancomp.channels.groups import removed
from mmgancomp.channels.slicing import indices
from mmgancomp.cli.main import main
from mmgancomp.errors import ConfigError
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS

KEPT = {'noise2feat': [0, 3, 4], 'conv_blocks.1': [2, 7, 9]}


def config(folder, family='biggan', sparsity=None, **options):
    options = options or dict(plan=document(KEPT), begin=1, end=5)
    if isinstance(options.get('plan'), dict):
        # Names of groups have dots, which the helper below would split at.
        path = folder / 'given.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(options['plan']))
        options['plan'] = str(path)
    hooks = dict(
        channel_kill=dict(
            type='mmgancomp.ChannelKillHook',
            networks=dict(generator=options)))
    if sparsity:
        hooks['sparsity'] = dict(
            type='mmgancomp.SparsityHook', networks=dict(generator=sparsity))
    return tiny.config(
        family,
        folder,
        iterations=12,
        checkpoint=4,
        default_hooks=hooks,
        **({} if family == 'cyclegan' else {'model.discriminator_steps': 1}))


def document(kept):
    return ChannelPlan({'generator': NetworkPlan(kept=kept)}).document()


class Size(Hook):
    """How large the doomed part of the generator is after each iteration."""

    priority = 'LOW'

    def __init__(self) -> None:
        self.live, self.average = [], []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        model = families.base.bare(runner.model)
        network = families.of(model).networks(model)['generator']
        self.live.append(doomed(network.module))
        if network.ema is not None:
            self.average.append(doomed(network.ema))


def doomed(network, kept=KEPT):
    groups = channel_groups(network)
    total = 0.
    for name, channels in removed(groups, kept).items():
        for slot in groups[name].slots:
            if slot.tensor.endswith(('weight', 'weight_orig', 'bias')):
                tensor = network.get_parameter(slot.tensor).detach()
                index = torch.tensor(indices(slot, channels))
                total += float(
                    tensor.index_select(slot.axis, index).abs().sum())
    return total


def test_channels_fade_die_and_are_cut_out(tmp_path):
    size = Size()
    runner = runs.train(config(tmp_path), size)
    # One update per iteration: whole until 1, dead from 5 on.
    assert size.live[0] > 0
    steps = [now / before for before, now in zip(size.live, size.live[1:4])]
    assert [round(s, 1) for s in steps] == pytest.approx(
        [3 / 4, 2 / 3, 1 / 2], abs=.15)
    assert size.live[4:] == [0.] * 8
    assert size.average[3] > 0
    assert size.average[4:] == [0.] * 8

    plan = ChannelPlan.read(tmp_path / 'plan.json')
    assert plan.networks['generator'].kept == KEPT
    slim = runs.load(tmp_path / 'slim.pth')
    model = families.base.bare(runner.model)
    whole = model.state_dict()
    assert slim['state_dict'].keys() == whole.keys()
    assert len(slim['state_dict']['generator.noise2feat.bias']) == 3 * 16
    assert 'optimizer' not in slim
    narrow = narrowed(tmp_path)
    narrow.load_state_dict(slim['state_dict'], strict=True)
    noise = torch.randn(3, 16)
    label = torch.tensor([0, 1, 2])
    small, large = (m.generator_ema.module.eval() for m in (narrow, model))
    with torch.no_grad():
        assert torch.allclose(
            small(noise, label=label), large(noise, label=label), atol=1e-5)


def narrowed(folder):
    from mmgancomp.runtime.building import build_model
    base = Config.fromfile(folder / 'source' / 'tiny_biggan.py')
    base.model.generator = dict(
        type='mmgancomp.Slimmed',
        network=copy.deepcopy(base.model.generator),
        plan=str(folder / 'plan.json'))
    return build_model(base)


@pytest.mark.parametrize('options', [
    dict(plan=document(KEPT), begin=1, end=9),
    pytest.param(
        dict(target='params=0.6', multiple=1, begin=5, end=9),
        marks=pytest.mark.slow),
], ids=['plan', 'target'])
def test_resuming_is_exact(options, tmp_path):
    runs.train(config(tmp_path / 'whole', **options))
    runs.train(
        runs.resume_from(
            config(tmp_path / 'again', **options), tmp_path / 'whole', 8))
    ends = [
        runs.load(tmp_path / part / 'iter_12.pth')
        for part in ('whole', 'again')
    ]
    assert runs.differences(*map(runs.training_state, ends)) == []
    assert ends[0]['mmgancomp']['channel_kill']['generator']['kept']
    assert (tmp_path / 'whole' / 'plan.json').read_bytes() == (
        tmp_path / 'again' / 'plan.json').read_bytes()
    slim = [runs.load(tmp_path / part / 'slim.pth')['state_dict']
            for part in ('whole', 'again')]
    assert runs.differences(*slim) == []


def test_masks_and_fading_channels_together(tmp_path):
    masks = dict(
        density=.4, schedule=dict(type='AGP', begin=0, end=8, interval=2))
    watch, size = runs.Watch(), Size()
    runs.train(
        config(tmp_path, sparsity=masks, plan=document(KEPT), begin=1, end=6),
        watch, size)
    assert watch.violations == []
    assert size.live[5:] == [0.] * 7
    assert watch.kept['generator'][-1] < watch.kept['generator'][0]
    slim = runs.load(tmp_path / 'slim.pth')['state_dict']
    narrowed(tmp_path).load_state_dict(slim, strict=True)
    record = json.loads((tmp_path / 'compression.json').read_text())
    found = record['models'][0]['networks']['generator']
    assert found['channels_killed'] == 26
    assert found['density'] == pytest.approx(.4, abs=.01)


@pytest.mark.parametrize('options,said', [
    (dict(plan='gone.json'), 'cannot be read'),
    (dict(plan=document({'noise2feet': [1]})), "did you mean 'noise2feat'"),
    (dict(target='mac=0.5'), "did you mean 'macs'"),
    (dict(target='macs=5'), 'the share that stays, between 0 and 1'),
    (dict(target='macs=0.001'), 'is the least that removing'),
    (dict(target='width=0.7'), 'one over a divisor'),
    (dict(target='empty'), 'known: macs, params, width'),
    (dict(target='params=0.001'), 'is the least that removing'),
    (dict(target='params=0.5', end=0), 'must come after begin'),
    (dict(target='params=0.5', end=99), 'within the run'),
    (dict(target='params=0.5', plan=document(KEPT)), 'either a plan or'),
    (dict(target='params=0.5', allocation='globl'), "did you mean 'global'"),
    (dict(target='params=0.5', criterion='readrs'), "did you mean 'readers'"),
    (dict(targt='params=0.5'), "did you mean 'target'"),
    (dict(plan={'schema': 1, 'networks': {'generator': {'divisor': 2}}}),
     'does not say which channels'),
])
def test_wrong_options_are_one_sentence(options, said, tmp_path, capsys):
    file = config(tmp_path, **options).filename
    assert main(['plan', file]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error
    assert error.startswith('error: default_hooks.channel_kill.networks.')


def test_a_wrong_option_stops_a_run_too(tmp_path):
    file = config(tmp_path, target='macs=2')
    with pytest.raises(ConfigError, match='channel_kill'):
        runs.train(file)


@pytest.mark.parametrize('target', [
    'macs=0.5',
    pytest.param('width=0.5', marks=pytest.mark.slow)
])
def test_targets_are_those_of_prune(target, tmp_path, capsys):
    """What the hook writes is as large as what the command writes."""
    options = dict(target=target, multiple=1, begin=1, end=5)
    faded = config(tmp_path, **options)
    assert main(['plan', faded.filename, '--json']) == 0
    row, = plan_document(capsys.readouterr().out)['mechanisms']
    assert ('macs_before_after' in row) == target.startswith('macs')
    runs.train(faded)
    plan = ChannelPlan.read(tmp_path / 'plan.json').networks['generator']
    # As it was planned: weights change which channels stay, not how many.
    assert {name: len(kept) for name, kept in plan.kept.items()} == {
        name: group['kept'] for name, group in row['groups'].items()
        if group['kept'] < group['channels']
    }
    code = main([
        'prune', faded.filename,
        str(tmp_path / 'iter_12.pth'), '--target', target, '--multiple', '1',
        '--out', str(tmp_path / 'cut'), '--json'
    ])
    assert code == 0
    cut = runs.load(tmp_path / 'cut' / 'slim.pth')['state_dict']
    slim = runs.load(tmp_path / 'slim.pth')['state_dict']
    assert {k: v.shape for k, v in cut.items()} == {
        k: v.shape for k, v in slim.items()}


def plan_document(out):
    """What ``plan --json`` has printed."""
    return json.loads(out[out.index('{\n'):])


def test_plan_tells_what_will_go(tmp_path, capsys):
    file = config(tmp_path).filename
    assert main(['plan', file]) == 0
    assert '26 of 112 channels fade out from update 1 to 5' in (
        capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize('family', ['biggan', 'cyclegan'])
def test_two_processes_agree_and_write_once(family, tmp_path):
    """Distributed wrappers change the names of networks; files have none."""
    file = config(tmp_path / 'config', family, target='params=0.6',
                  multiple=1, begin=2, end=6).filename
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [
            sys.executable, '-m', 'torch.distributed.run', '--standalone',
            '--nproc_per_node=2',
            str(root / 'tools' / 'train.py'), file, '--launcher', 'pytorch',
            '--work-dir',
            str(tmp_path / 'run')
        ],
        capture_output=True,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1'))
    assert done.returncode == 0, done.stderr[-3000:]
    plan = ChannelPlan.read(tmp_path / 'run' / 'plan.json')
    kept = plan.networks['generator'].kept
    slim = runs.load(tmp_path / 'run' / 'slim.pth')['state_dict']
    stock = tiny.model(family)
    assert slim.keys() == stock.state_dict().keys()
    for network in families.of(stock).networks(stock).values():
        if network.role != 'generator':
            continue
        groups = channel_groups(network.module)
        gone = removed(groups, kept)
        assert gone
        for name, channels in gone.items():
            slot = groups[name].slots[0]
            size = slim[f'{network.name}.{slot.tensor}'].shape[slot.axis]
            assert size == slot.block * (groups[name].width - len(channels))

"""Gates in real runs: they close, freeze, resume, and go."""

import json

import pytest
import torch
from mmengine import Config, DefaultScope

from mmgancomp import families
from mmgancomp.channels import gate_hook
from mmgancomp.channels.gate_hook import GateHook
from mmgancomp.channels.remove import outputs
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from mmgancomp.families.macs import macs
from mmgancomp.families.plain_copy import plain_copy
from mmgancomp.registry import MODELS
from mmgancomp.runtime.planning import context_of
from tests.support import gated, half, runs, teaching, tiny  # noqa: F401
from tests.support.gated import Diary

pytestmark = tiny.STOCK_WARNINGS


def run(tmp_path, family='dcgan', *hooks, name='run', **options):
    diary = Diary()
    config = gated.config(family, tmp_path / name,
                          **{'gates': {}, **options})
    return runs.train(config, diary, *hooks), diary


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Sixteen iterations of SNGAN-projection, eight updates of G."""
    folder = tmp_path_factory.mktemp('whole')
    runner, diary = run(folder, 'sngan_proj', iterations=16, checkpoint=8)
    return folder / 'run', runner, diary


def test_they_fall_close_and_freeze(whole):
    folder, runner, diary = whole
    # A turn of G comes every second iteration; each moves every number by
    # rate × weight ÷ gates.
    falls = [b - a for a, b in zip(diary.weights[:7:2], diary.weights[2::2])]
    assert falls == pytest.approx([-gated.RATE * .5 / 6] * 4, abs=.02)
    assert diary.frozen[0] == 0 and diary.frozen[-1] == 6
    for gate in gated.all_gates(runner).values():
        assert set(gate.values().tolist()) == {0., 1.}
        # One channel more than half closed at once, none beyond it.
        assert gate.kept.sum() == 7


def test_without_the_loss_nothing_closes(tmp_path):
    runner, diary = run(
        tmp_path, gates=dict(loss_weight=0.), iterations=3,
        builder='initial=(0.5, 1.0)')
    assert diary.weights[-2] == pytest.approx(diary.weights[0], abs=.02)
    assert diary.frozen[:-1] == [0, 0, 0]
    # The last update freezes everything, and everything is open.
    assert all(bool(gate.kept.all())
               for gate in gated.all_gates(runner).values())
    slim_generator(tmp_path / 'run')


def test_a_copy_of_the_generator_gets_its_steps_at_once(tmp_path):
    runner, diary = run(
        tmp_path, 'biggan', iterations=16,
        model=dict(ema_config=dict(start_iter=1, momentum=.001)))
    assert diary.frozen[-1] == 6 and diary.lag == []
    # Nothing else of it is a copy.
    network, = gated.generators(runner).values()
    assert not torch.equal(network.ema.noise2feat.bias,
                           network.module.noise2feat.bias)


def test_the_record_has_each_gate(whole):
    folder, runner, diary = whole
    record = json.loads((folder / 'compression.json').read_text())
    entry = record['models'][-1]['networks']['generator']
    assert [(g['channels'], g['kept'], g['frozen']) for g in entry['gates']
            ] == [(16, 7, True)] * 6
    assert {g['frozen_at'] for g in entry['gates']} <= {6, 7, 8}
    slim, stock = entry['without_gates'], tiny.model('sngan_proj').generator
    assert slim['params_before'] == sum(
        p.numel() for p in stock.parameters())
    left = slim_generator(folder)['generator'].module
    assert slim['params'] == sum(p.numel() for p in left.parameters())
    # Of each network an image's: its spectral norm is no part of it.
    known = next(f for f in families.known() if f.name == 'sagan')
    assert [slim['macs_before'], slim['macs']] == [
        macs(plain_copy(net), *known.example_call(
            net, 1, torch.Generator().manual_seed(0)))[0]
        for net in (stock, left)
    ]
    assert slim['macs'] < slim['macs_before']
    assert slim['params'] < entry['params']
    assert entry['without_gates']['forced'] == 0
    assert entry['without_gates']['difference'] < 1e-4


def slim_generator(folder):
    config = Config.fromfile(folder / 'slim.py')
    assert config.load_from == str(folder / 'slim.pth')
    assert set(config.default_hooks) >= {'compression'}
    assert not {'gates', 'distillation'} & set(config.default_hooks)
    model = gated.slim_model(folder)
    return families.of(model).networks(model)


def test_what_is_left_is_built_from_its_files(whole):
    folder, runner, diary = whole
    written = json.loads((folder / 'plan.json').read_text())
    kept = written['networks']['generator']
    assert set(kept) == {
        f'conv_blocks.{i}.conv_{j}' for i in range(3) for j in (1, 2)
    }
    slim = slim_generator(folder)['generator'].module
    trained = gated.generators(runner)['generator'].module
    family = families.of(families.bare(runner.model))
    args, kwargs = family.example_call(trained, 3,
                                       torch.Generator().manual_seed(1))
    before, after = (outputs(family, net, args, kwargs)
                     for net in (trained, slim))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-5)
    assert slim.conv_blocks[0].conv_1.conv.weight.shape == (7, 16, 3, 3)
    assert slim.conv_blocks[0].conv_2.conv.weight.shape == (7, 7, 3, 3)
    assert slim.transitions['conv_blocks-0-conv_2-conv'].weight.shape == (
        16, 7, 1, 1)
    assert not any('gates' in name or 'weight_orig' in name
                   for name in slim.state_dict())


def test_a_plan_tells_stock_from_gated(tmp_path):
    document = plan(gated.config('sngan_proj', tmp_path, gates={}))
    network, (row, ) = (document['networks']['generator'],
                        document['mechanisms'])
    stock = tiny.model('sngan_proj').generator
    assert network['params_before'] == sum(
        p.numel() for p in stock.parameters())
    transitions = 3 * (16**2 + 16)
    assert network['params'] == (network['params_before'] + transitions +
                                 row['channels'])
    assert network['macs_after'] - network['macs_before'] == (
        16**2 * (8**2 + 16**2 + 32**2))


@pytest.mark.slow
@pytest.mark.parametrize('family', ['srgan', 'esrgan'])
def test_super_resolution_ends_slim(family, tmp_path):
    run(tmp_path, family, iterations=2, gates=dict(
        loss_weight=2., optimizer=dict(type='SGD', lr=9.)))
    slim = slim_generator(tmp_path / 'run')['generator'].module
    assert 'transitions' in dict(slim.named_children())
    record = json.loads((tmp_path / 'run/compression.json').read_text())
    entry = record['models'][-1]['networks']['generator']
    assert entry['without_gates']['params'] < entry['without_gates'][
        'params_before']
    assert entry['without_gates']['difference'] < 1e-4


@pytest.mark.parametrize('point', [8])
def test_a_killed_run_goes_on_bit_for_bit(whole, point, tmp_path):
    """Half of the vectors freeze on either side of the kill, or none."""
    folder, _, diary = whole
    options = dict(gates={}, iterations=16, checkpoint=8)
    config = gated.config('sngan_proj', tmp_path / 'resumed', **options)
    runs.train(runs.resume_from(config, folder, point))
    first, second = (
        runs.training_state(runs.load(d / 'iter_16.pth'))
        for d in (folder, tmp_path / 'resumed'))
    assert runs.differences(first, second) == []
    assert first['gates']['frozen_at']['generator']
    record = json.loads(
        (tmp_path / 'resumed' / 'compression.json').read_text())
    gates = record['models'][-1]['networks']['generator']['gates']
    assert all('frozen_at' in gate for gate in gates)


@pytest.mark.slow
def test_momentum_of_the_gates_resumes_too(tmp_path):
    gates = dict(optimizer=dict(type='SGD', lr=.3, momentum=.5))
    options = dict(gates=gates, iterations=6, checkpoint=4)
    runs.train(gated.config('dcgan', tmp_path / 'one', **options))
    config = gated.config('dcgan', tmp_path / 'two', **options)
    runs.train(runs.resume_from(config, tmp_path / 'one', 4))
    states = [runs.training_state(runs.load(tmp_path / d / 'iter_6.pth'))
              for d in ('one', 'two')]
    assert runs.differences(*states) == []
    assert 0 < len(states[0]['gates']['frozen_at']['generator'])


def test_an_accumulating_generator_moves_them_once_per_update(tmp_path):
    """By the mean over its batches, not by their sum."""
    _, diary = run(tmp_path, iterations=3, builder='initial=(0.3, 1.0)',
                   optim_wrapper=dict(
                       generator=dict(accumulative_counts=2)))
    falls = [b - a for a, b in zip(diary.weights, diary.weights[1:2])]
    assert falls == pytest.approx([-gated.RATE * .5 / 3])


def test_a_skipped_step_skips_them(tmp_path):
    wrappers = {
        part: dict(type='HalfOptimWrapper', overflow=(2, ))
        for part in ('generator', 'discriminator')
    }
    _, diary = run(tmp_path, iterations=4, optim_wrapper=wrappers)
    falls = [b - a for a, b in zip(diary.weights, diary.weights[1:])]
    assert falls[1] == 0
    assert falls[0] == pytest.approx(-gated.RATE * .5 / 3, abs=.05)
    assert falls[2] < -.1


@pytest.fixture
def said(monkeypatch):
    """What the hook logs."""
    found = []
    monkeypatch.setattr(gate_hook, 'print_log',
                        lambda text, **_: found.append(text))
    return found


def test_a_layer_that_would_vanish_keeps_a_channel_and_says_so(
        tmp_path, said):
    runner, _ = run(tmp_path, iterations=3, builder='initial=(.3, .301)')
    assert [gate.kept.sum() for gate in gated.all_gates(runner).values()
            ] == [1, 1, 1]
    assert sum('one of which was kept open' in text for text in said) == 3


def test_an_evaluation_before_the_freeze_says_so(context, said):
    context.terms.clear()
    hook = GateHook(loss_weight=.5, optimizer=dict(type='SGD', lr=1.))
    hook.prepare(context)
    hook.after_val_epoch(None)
    assert '3 of 3 gates are not frozen yet' in said[0]
    for parameter in hook._networks['generator'].module.gates.values():
        parameter.frozen.fill_(True)
    hook.after_val_epoch(None)
    assert len(said) == 1
    for parameter in hook._networks['generator'].module.gates.values():
        parameter.frozen.fill_(False)


def test_the_default_optimizer_is_plain_sgd(context):
    context.terms.clear()
    hook = GateHook(loss_weight=50.)
    hook.prepare(context)
    group, = hook._companion.optimizer.param_groups
    assert type(hook._companion.optimizer) is torch.optim.SGD
    assert (group['lr'], group['momentum'], group['weight_decay']) == (
        .1, 0, 0)


@pytest.mark.slow
def test_two_steps(tmp_path):
    """PPCD-GAN*: gates first, then they are frozen and the teacher comes."""
    teacher = teaching.teacher_of('sngan_proj', tmp_path, wider=True)
    eye = teaching.Eye(gradients=False)
    runner, diary = run(
        tmp_path, 'sngan_proj', eye, iterations=12,
        gates=dict(until=.5),
        default_hooks=dict(
            distillation=dict(
                type='mmgancomp.DistillationHook',
                teacher=teacher,
                generator=dict(attention=dict(
                    type='mmgancomp.AttentionMapLoss'))),
            stages=dict(
                type='mmgancomp.StageHook',
                stages=[
                    dict(until=.5, weights=dict(attention=0.)),
                    dict(weights=dict(attention=1., gates=0.))
                ])))
    assert diary.frozen[5] == 0 and diary.frozen[6:] == [6] * 7
    assert len(eye.values['attention']) == 3


def test_a_teacher_that_replaces_the_loss_leaves_them_theirs(tmp_path):
    teacher = teaching.teacher_of('dcgan', tmp_path)
    hook = dict(
        type='mmgancomp.DistillationHook', teacher=teacher, generator=dict(
            out=dict(type='mmgancomp.OutputL1Loss', replace_stock=True)))
    _, diary = run(tmp_path, iterations=3, builder='initial=(0.3, 1.0)',
                   default_hooks=dict(distillation=hook))
    assert diary.weights[1] - diary.weights[0] == pytest.approx(
        -gated.RATE * .5 / 3)


@pytest.mark.parametrize('gates, match', [
    (dict(alpha=1.5), 'gates.alpha = 1.5.*between 0 and 1'),
    (dict(pivot=0), 'gates.pivot = 0.*between 0 and 1'),
    (dict(loss_weight='1'), "gates.loss_weight = '1'"),
    (dict(cap=1), 'gates.cap = 1'),
    (dict(until=99), 'gates.until = 99.*4 updates'),
    (dict(alpah=.5), 'gates.alpah = 0.5.*alpha'),
    (dict(optimizer='SGD'), 'gates.optimizer'),
    (dict(optimizer=dict(type='SGD', lr=.1, weight_decay=.1)),
     'weight_decay = 0.1.*write 0'),
    (dict(optimizer=dict(type='SGD', lr=1e-5)), 'nothing would close'),
])
def test_a_wrong_option_is_named(gates, match, context):
    context.terms.clear()
    options = {'optimizer': dict(type='SGD', lr=1.), 'loss_weight': .5,
               **gates}
    with pytest.raises(ConfigError, match=match):
        GateHook(**options).prepare(context)


@pytest.fixture(scope='module')
def context(tmp_path_factory):
    """A run of four updates."""
    config = gated.config('dcgan', tmp_path_factory.mktemp('context'),
                          iterations=4)
    with DefaultScope.overwrite_default_scope('mmagic'):
        return context_of(config, MODELS.build(config.model))


def test_gates_in_the_owners_optimizer_are_refused(tmp_path):
    with pytest.raises(ConfigError,
                       match='constructor.*CompressionOptimWrapper'):
        run(tmp_path, iterations=2, optim_wrapper=dict(
            constructor='MultiOptimWrapperConstructor'))


def test_a_network_without_gates_is_named(tmp_path):
    config = tiny.config('dcgan', tmp_path, default_hooks=dict(
        gates=dict(type='mmgancomp.GateHook')))
    with pytest.raises(ConfigError, match='no network has gates'):
        runs.train(config)

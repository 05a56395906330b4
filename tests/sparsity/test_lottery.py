"""Rounds of training, pruning and rewinding, in real runs."""

import json
import shutil

import pytest
import torch
from mmengine.hooks import Hook

from mmgancomp import families
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from mmgancomp.runtime.state import RunState
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.counts import removed_count
from mmgancomp.sparsity.packed import load as load_packed
from mmgancomp.sparsity.ticket import read_ticket
from tests.support import runs, tiny

LENGTH = 4
IMP = dict(type='mmgancomp.SparsityHook',
           networks=dict(generator=dict(schedule='IMP')))


def config(folder, family='biggan', *, rounds=2, sparsity=IMP, length=LENGTH,
           checkpoint=3, hooks=(), loop=(), **overrides):
    """A tiny run of rounds."""
    return tiny.config(
        family,
        folder,
        checkpoint=checkpoint,
        train_cfg=dict(
            _delete_=True,
            type='mmgancomp.LotteryTicketLoop',
            max_iters=length,
            rounds=rounds,
            **dict(loop)),
        default_hooks=dict(sparsity=sparsity, **dict(hooks)),
        **overrides)


class Spy(Hook):
    """State of the run right after each round has begun, and at its end."""

    priority = 'LOWEST'

    def __init__(self):
        self.begun, self.iters, self.ended = {}, [], {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        number, local = runner.train_loop.rounds.at(runner.iter)
        if local == 0:
            self.begun[number] = self.look(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self.iters.append(runner.message_hub.get_info('iter'))
        number, local = runner.train_loop.rounds.at(runner.iter)
        self.ended[number] = self.look(runner)

    def look(self, runner):
        model = families.base.bare(runner.model)
        return {
            'state': {k: v.clone() for k, v in model.state_dict().items()},
            'masks': {
                f'{n.name}.{key}': mask.clone()
                for n in families.of(model).networks(model).values()
                if MaskedNetwork.of(n.module)
                for key, mask in MaskedNetwork.of(n.module).masks.items()
            },
            'moments': sum(len(w.optimizer.state)
                           for w in runner.optim_wrapper.values()),
            'lr': [g['lr'] for w in runner.optim_wrapper.values()
                   for g in w.optimizer.param_groups],
            'clocks': {k: RunState.of(runner).updates(k).clock
                       for k in runner.optim_wrapper.keys()},
        }


def train(built, *hooks):
    spy = Spy()
    runner = runs.train(built, spy, *hooks)
    return runner, spy


def assert_rewound(begun, source, prefix, masks):
    """Every entry is the snapshot's, but for zeros where a mask is."""
    names = [n for n in source if n.startswith(prefix)]
    assert names
    for name in names:
        wanted = source[name]
        if name in masks:
            wanted = wanted.masked_fill(~masks[name], 0)
        assert torch.equal(begun[name], wanted), name


def snapshot(folder, name):
    return torch.load(folder / 'snapshots' / f'{name}.pth',
                      weights_only=True)['state_dict']


def test_each_round_removes_a_fifth_and_starts_where_the_run_did(tmp_path):
    runner, spy = train(config(tmp_path))
    theta0 = snapshot(tmp_path, 'theta0')
    kept = [sum(int(m.count_nonzero()) for m in spy.begun[r]['masks']
                .values()) for r in (0, 1, 2)]
    total = sum(m.numel() for m in spy.begun[0]['masks'].values())
    first = total - removed_count(total, .8)
    assert kept == [total, first, first - removed_count(first, .8)]
    assert kept[2] < kept[1] < total
    for number in (1, 2):
        begun = spy.begun[number]
        for prefix in ('generator.', 'discriminator.'):
            assert_rewound(begun['state'], theta0, prefix, begun['masks'])
        assert begun['moments'] == 0
        # EMA: a copy of the masked, rewound generator that starts counting.
        state = begun['state']
        copies = [n for n in state if n.startswith('generator_ema.module.')]
        assert copies
        for name in copies:
            own = name.replace('generator_ema.module.', 'generator.')
            assert torch.equal(state[name], state[own]), name
        assert int(state['generator_ema.steps']) == 0
    # Trained in between, by the counter of the round.
    assert spy.iters == list(range(LENGTH)) * 3
    assert spy.ended[1]['moments'] > 0
    name = next(iter(spy.begun[0]['masks']))
    assert not torch.equal(spy.ended[1]['state'][name],
                           spy.begun[1]['state'][name])
    assert runner.iter == 3 * LENGTH


def test_masks_rank_the_weights_at_the_end_of_the_round_before(tmp_path):
    _, spy = train(config(tmp_path))
    for number in (1, 2):
        before, masks = spy.ended[number - 1], spy.begun[number]['masks']
        gone = torch.cat([before['state'][n][~m & before['masks'][n]].abs()
                          for n, m in masks.items()])
        left = torch.cat([before['state'][n][m].abs()
                          for n, m in masks.items()])
        assert len(gone)
        assert gone.max() <= left.min()


def test_ranking_by_the_ema(tmp_path):
    _, spy = train(config(tmp_path, sparsity=dict(
        IMP, networks=dict(generator=dict(schedule='IMP',
                                          score_source='ema')))))
    before, masks = spy.ended[1], spy.begun[2]['masks']
    parts = [(before['state'][n.replace('generator.',
                                        'generator_ema.module.')].abs(),
              m, before['masks'][n]) for n, m in masks.items()]
    gone = torch.cat([w[~m & old] for w, m, old in parts])
    assert gone.max() <= torch.cat([w[m] for w, m, _ in parts]).min()


@pytest.mark.parametrize('source', ['theta0', 'dense_final', 'other_seed'])
def test_the_discriminator_starts_from(source, tmp_path):
    _, spy = train(config(
        tmp_path, loop=dict(rewind=dict(discriminator=source))))
    states = {name: snapshot(tmp_path, name)
              for name in ('theta0', 'dense_final')}
    if source == 'other_seed':
        states[source] = snapshot(tmp_path, source)
        weight = next(n for n in states['theta0']
                      if n.startswith('discriminator.') and 'weight' in n)
        assert not torch.equal(states[source][weight],
                               states['theta0'][weight])
    for number in (1, 2):
        begun = spy.begun[number]
        assert_rewound(begun['state'], states[source], 'discriminator.', {})
        assert_rewound(begun['state'], states['theta0'], 'generator.',
                       begun['masks'])


def test_late_rewinding_goes_on_from_that_step(tmp_path):
    _, spy = train(config(
        tmp_path, length=8, loop=dict(rewind='late_0.25'),
        param_scheduler=dict(type='LinearLR', by_epoch=False,
                             start_factor=1., end_factor=.1)))
    late = snapshot(tmp_path, 'late_0.25')
    name = next(iter(spy.begun[0]['masks']))
    assert not torch.equal(late[name], snapshot(tmp_path, 'theta0')[name])
    begun = spy.begun[1]
    for prefix in ('generator.', 'discriminator.'):
        assert_rewound(begun['state'], late, prefix, begun['masks'])
    assert begun['moments'] == 0
    # The counter and the rate are those of step 2 of 8.
    assert spy.iters == [*range(8), *range(2, 8), *range(2, 8)]
    assert spy.begun[0]['lr'][0] > begun['lr'][0] == spy.begun[2]['lr'][0]
    rate = spy.begun[0]['lr'][0]
    assert begun['lr'][0] == pytest.approx(rate * (1 - .9 * 2 / 7), rel=1e-6)


def test_standard_pruning_keeps_weights_and_renews_optimizers(tmp_path):
    _, spy = train(config(tmp_path, loop=dict(rewind='keep')))
    before, begun = spy.ended[0]['state'], spy.begun[1]
    assert_rewound(begun['state'], before, 'generator.', begun['masks'])
    assert_rewound(begun['state'], before, 'discriminator.', {})
    assert begun['moments'] == 0


def test_both_networks_are_ranked_on_their_own(tmp_path):
    both = dict(IMP, networks=dict(generator=dict(schedule='IMP'),
                                   discriminator=dict(schedule='IMP')))
    _, spy = train(config(tmp_path, rounds=1, sparsity=both))
    for prefix in ('generator.', 'discriminator.'):
        masks = [m for n, m in spy.begun[1]['masks'].items()
                 if n.startswith(prefix)]
        total = sum(m.numel() for m in masks)
        kept = sum(int(m.count_nonzero()) for m in masks)
        assert kept == total - removed_count(total, .8)


def test_one_round_with_a_density_is_one_shot(tmp_path):
    shot = dict(IMP, networks=dict(generator=dict(schedule='IMP',
                                                  density=.1)))
    runner, _ = train(config(tmp_path, rounds=1, sparsity=shot))
    masked = MaskedNetwork.of(families.base.bare(runner.model).generator)
    assert masked.survivors == masked.maskable - removed_count(
        masked.maskable, .1)


def test_a_density_is_reached_in_equal_steps(tmp_path):
    shot = dict(IMP, networks=dict(generator=dict(schedule='IMP',
                                                  density=.05)))
    _, spy = train(config(tmp_path, rounds=3, sparsity=shot, length=2))
    total = sum(m.numel() for m in spy.begun[0]['masks'].values())
    for number in (1, 2, 3):
        kept = sum(int(m.count_nonzero())
                   for m in spy.begun[number]['masks'].values())
        assert kept == total - removed_count(total, .05**(number / 3))


def test_filter_tickets_are_whole_filters(tmp_path):
    cut = dict(IMP, networks=dict(generator=dict(
        schedule='IMP', granularity='filter')))
    runner, _ = train(config(tmp_path, sparsity=cut))
    masked = MaskedNetwork.of(families.base.bare(runner.model).generator)
    assert masked.density < .75
    for layer in masked.layers:
        mask = masked.masks[layer.name].transpose(0, layer.out_axis)
        groups = mask.flatten(1)
        assert torch.equal(groups.all(1), groups.any(1))
    ticket = read_ticket(tmp_path / 'round_02' / 'ticket.safetensors',
                         'generator')
    assert ticket.granularity == 'filter'


def test_a_ticket_holds_masks_and_the_weights_it_starts_from(tmp_path):
    _, spy = train(config(tmp_path))
    path = tmp_path / 'round_02' / 'ticket.safetensors'
    ticket = read_ticket(path, 'generator')
    begun = spy.begun[2]
    assert {f'generator.{n}' for n in ticket.masks} == set(begun['masks'])
    for name, mask in ticket.masks.items():
        assert torch.equal(mask, begun['masks'][f'generator.{name}'])
    for name, value in begun['state'].items():
        if name.startswith('generator.'):
            own = ticket.state[name.removeprefix('generator.')]
            assert torch.equal(own, value), name
    info = load_packed(path)[2]
    assert info['round'] == 2
    assert info['networks']['generator']['kept'] == sum(
        int(m.count_nonzero()) for m in ticket.masks.values())


def fixed(**options):
    return dict(type='mmgancomp.SparsityHook', networks=dict(
        generator=dict(schedule=dict(type='Fixed', **options))))


def test_controls_share_the_dense_training_of_a_run(tmp_path):
    train(config(tmp_path / 'imp'))
    ticket = tmp_path / 'imp' / 'round_02' / 'ticket.safetensors'
    runner, spy = train(config(
        tmp_path / 'again', rounds=1, sparsity=fixed(ticket=str(ticket)),
        loop=dict(dense=str(tmp_path / 'imp'),
                  rewind=dict(generator='other_seed'))))
    assert list(spy.begun) == [1]
    assert runner.iter == LENGTH
    begun = spy.begun[1]
    masks = read_ticket(ticket, 'generator').masks
    for name, mask in masks.items():
        assert torch.equal(begun['masks'][f'generator.{name}'], mask)
    assert_rewound(begun['state'], snapshot(tmp_path / 'again', 'other_seed'),
                   'generator.', begun['masks'])
    assert_rewound(begun['state'], snapshot(tmp_path / 'imp', 'theta0'),
                   'discriminator.', {})


def test_one_shot_from_a_shared_dense_training_ranks_its_end(tmp_path):
    train(config(tmp_path / 'imp', rounds=1))
    shot = dict(IMP, networks=dict(generator=dict(schedule='IMP',
                                                  density=.5)))
    _, spy = train(config(tmp_path / 'shot', rounds=1, sparsity=shot,
                          loop=dict(dense=str(tmp_path / 'imp'))))
    final = snapshot(tmp_path / 'imp', 'dense_final')
    masks = spy.begun[1]['masks']
    gone = torch.cat([final[n][~m].abs() for n, m in masks.items()])
    left = torch.cat([final[n][m].abs() for n, m in masks.items()])
    assert gone.max() <= left.min()


@pytest.fixture(scope='module')
def two_rounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp('imp')
    train(config(folder))
    return folder


def test_a_shuffled_ticket_keeps_the_counts_of_each_layer(two_rounds,
                                                          tmp_path):
    ticket = two_rounds / 'round_02' / 'ticket.safetensors'
    masks = read_ticket(ticket, 'generator').masks
    draws = []
    for draw in (0, 1):
        runner = runs.train(tiny.config(
            'biggan', tmp_path / f'run{len(draws)}', iterations=1,
            default_hooks=dict(sparsity=fixed(
                ticket=str(ticket), shuffle=True, shuffle_seed=draw))))
        masked = MaskedNetwork.of(families.base.bare(runner.model).generator)
        draws.append(masked.masks)
        for name, mask in masks.items():
            assert int(masked.masks[name].sum()) == int(mask.sum())
    same = [all(torch.equal(d[n], draws[0][n]) for n in masks)
            for d in (*draws[1:], masks)]
    assert same == [False, False]


def test_a_ticket_brings_its_values(two_rounds, tmp_path):
    ticket = two_rounds / 'round_01' / 'ticket.safetensors'
    spy = Begin()
    runs.train(tiny.config(
        'biggan', tmp_path / 'other', iterations=2,
        randomness=dict(seed=77),
        default_hooks=dict(sparsity=fixed(ticket=str(ticket), values=True))),
        spy)
    for name, value in read_ticket(ticket, 'generator').state.items():
        assert torch.equal(spy.state[f'generator.{name}'], value), name
        assert torch.equal(spy.state[f'generator_ema.module.{name}'], value)


class Begin(Hook):
    """The model before the first iteration, after everything of ours."""

    priority = 'LOWEST'

    def before_train(self, runner):
        model = families.base.bare(runner.model)
        self.state = {k: v.clone() for k, v in model.state_dict().items()}


def test_what_hangs_on_optimizers_fires_equally_often_in_each_round(tmp_path):
    counts = {}

    class Count(Hook):

        def before_train(self, runner):
            state = RunState.of(runner)
            for key in runner.optim_wrapper.keys():
                updates = state.updates(key)

                def note(*_, key=key):
                    number = runner.train_loop.rounds.at(runner.iter)[0]
                    counts.setdefault(key, {}).setdefault(number, 0)
                    counts[key][number] += 1

                updates.on_gradient(note)
                for phase in type(next(iter(updates._phases))):
                    updates.on_update(phase, note)

    runner, spy = train(config(
        tmp_path, rounds=3, model=dict(discriminator_steps=2)), Count())
    for key, by_round in counts.items():
        assert by_round[1] == by_round[3] == by_round[0], key
    # 1 + 7 calls per update; the generator is updated every other time.
    assert counts['generator'][3] == 8 * LENGTH // 2
    assert counts['discriminator'][3] == 8 * LENGTH
    assert spy.ended[3]['clocks'] == {'generator': 4 * LENGTH // 2,
                                      'discriminator': 4 * LENGTH}


def test_a_sparse_discriminator_explores_beside_a_ticket(tmp_path):
    both = dict(IMP, networks=dict(
        generator=dict(schedule='IMP'),
        discriminator=dict(density=.5, schedule=dict(
            type='DropAndGrow', interval=2))))
    watch = runs.Watch()
    _, spy = train(config(tmp_path, sparsity=both), watch)
    assert watch.violations == []
    # D keeps its count, also where its weights go back to the start.
    assert len(set(watch.kept['discriminator'])) == 1
    assert len(set(watch.digests['discriminator'])) > 3
    begun = spy.begun[2]
    assert_rewound(begun['state'], snapshot(tmp_path, 'theta0'),
                   'discriminator.', begun['masks'])


def test_what_belongs_to_no_network_goes_back_too(tmp_path):
    """StyleGAN2's mean path length; CycleGAN's buffers of fakes."""

    class Look(Hook):
        found: dict = {}

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            number, local = runner.train_loop.rounds.at(runner.iter)
            if local == 0:
                model = families.base.bare(runner.model)
                self.found.setdefault(number, []).append(
                    float(model.mean_path_length)
                    if hasattr(model, 'mean_path_length') else
                    len(families.of(model).state(model)['image_buffers']))

    style, cycle = Look(), Look()
    style.found, cycle.found = {}, {}
    runner, _ = train(config(tmp_path / 's', 'stylegan2', length=4), style)
    assert float(families.base.bare(runner.model).mean_path_length) != 0
    assert style.found == {0: [0.], 1: [0.], 2: [0.]}
    runner, _ = train(config(tmp_path / 'c', 'cyclegan', length=2), cycle)
    assert families.of(runner.model).state(runner.model)['image_buffers']
    assert cycle.found == {0: [0], 1: [0], 2: [0]}


def test_masks_beside_a_shared_dense_training_rank_its_end(tmp_path):
    train(config(tmp_path / 'imp', rounds=1))
    both = dict(IMP, networks=dict(
        generator=dict(schedule='IMP'),
        discriminator=dict(density=.5, schedule='OneShot')))
    _, spy = train(config(tmp_path / 'more', rounds=1, sparsity=both,
                          loop=dict(dense=str(tmp_path / 'imp'))))
    final = snapshot(tmp_path / 'imp', 'dense_final')
    masks = {n: m for n, m in spy.begun[1]['masks'].items()
             if n.startswith('discriminator.')}
    gone = torch.cat([final[n][~m].abs() for n, m in masks.items()])
    left = torch.cat([final[n][m].abs() for n, m in masks.items()])
    assert gone.max() <= left.min()


def test_a_late_state_of_a_run_of_another_length_is_refused(tmp_path):
    runs.train(config(tmp_path / 'dense', rounds=1, length=4,
                      loop=dict(rewind='late_0.5')))
    built = config(tmp_path / 'more', rounds=1, length=8, loop=dict(
        rewind='late_0.5', dense=str(tmp_path / 'dense')))
    with pytest.raises(ConfigError, match='its late_0.5 is iteration 2'):
        plan(built)


def test_a_dense_run_of_another_model_is_refused_by_the_plan(tmp_path):
    runs.train(config(tmp_path / 'dense', 'dcgan', rounds=1, length=2))
    built = config(tmp_path / 'more', rounds=1, length=2, loop=dict(
        dense=str(tmp_path / 'dense')))
    with pytest.raises(ConfigError, match=r'train_cfg.dense.*of another mod'):
        plan(built)


def test_values_of_a_ticket_and_a_rewind_do_not_mix(tmp_path):
    train(config(tmp_path / 'imp', rounds=1))
    ticket = tmp_path / 'imp' / 'round_01' / 'ticket.safetensors'
    built = config(tmp_path / 'more', rounds=1, sparsity=fixed(
        ticket=str(ticket), values=True), loop=dict(
            dense=str(tmp_path / 'imp')))
    with pytest.raises(ConfigError, match='leave values out'):
        plan(built)


def test_a_run_whose_dense_run_has_moved_resumes(tmp_path):
    train(config(tmp_path / 'imp', rounds=1))
    loop = dict(dense=str(tmp_path / 'imp'))
    train(config(tmp_path / 'more', rounds=1, loop=loop, checkpoint=2))
    (tmp_path / 'imp').rename(tmp_path / 'moved')
    folder = tmp_path / 'more' / 'round_01'
    runs.train(config(tmp_path / 'more', rounds=1, loop=loop, checkpoint=2,
                      hooks=dict(checkpoint=dict(max_keep_ckpts=-1)),
                      load_from=str(folder / 'iter_4.pth'), resume=True))


def test_late_rates_are_those_of_the_dense_training(tmp_path):
    """Schedulers that overlap: each goes on from what the other gave."""
    schedulers = [
        dict(type='LinearLR', by_epoch=False, start_factor=.1, begin=0,
             end=5),
        dict(type='CosineAnnealingLR', by_epoch=False, T_max=8,
             eta_min=1e-5, begin=0, end=8)]
    rates = {}

    class Rate(Hook):

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            number, local = runner.train_loop.rounds.at(runner.iter)
            step = local + (runner.train_loop.rounds.first if number else 0)
            group = runner.optim_wrapper['generator'].optimizer.param_groups
            rates.setdefault(step, []).append(group[0]['lr'])

    train(config(tmp_path, length=8, rounds=1, loop=dict(rewind='late_4'),
                 param_scheduler=schedulers), Rate())
    assert [len(rates[step]) for step in range(8)] == [1] * 4 + [2] * 4
    for step in range(4, 8):
        assert rates[step][0] == pytest.approx(rates[step][1], rel=1e-9)


def test_each_round_is_guarded_by_itself():
    from mmgancomp.runtime.guard import DivergenceGuard
    from mmgancomp.runtime.stages import StageHook
    hook = StageHook([])
    guard = DivergenceGuard('fid', 1.5)
    hook._stages = [type('Stage', (), dict(guard=guard))()]
    assert guard.judge(dict(fid=10.)) is None
    hook.begin_round(1, None)
    assert guard.judge(dict(fid=40.)) is None
    assert guard.judge(dict(fid=90.))


def test_the_record_has_a_row_per_round(tmp_path):
    train(config(tmp_path))
    record = json.loads((tmp_path / 'compression.json').read_text())
    assert [m['round'] for m in record['models']] == [0, 1, 2]
    densities = [m['networks']['generator']['density']
                 for m in record['models']]
    assert densities[0] == 1 > densities[1] > densities[2]
    for number, model in enumerate(record['models']):
        assert (tmp_path / model['checkpoint']).is_file()
        assert model['checkpoint'].startswith(f'round_{number:02d}/')
        if number:
            assert (tmp_path / model['ticket']).is_file()


@pytest.fixture(scope='module')
def whole_run(tmp_path_factory):
    """A run with a checkpoint after every second iteration."""
    folder = tmp_path_factory.mktemp('whole')
    runs.train(config(folder, checkpoint=2, hooks=dict(
        checkpoint=dict(max_keep_ckpts=-1))))
    return folder


def models(folder):
    """What the record says of each round, times left out."""
    record = json.loads((folder / 'compression.json').read_text())
    return [{k: m[k] for k in ('round', 'checkpoint', 'networks')}
            for m in record['models']]


@pytest.mark.parametrize('point', [
    pytest.param(2, marks=pytest.mark.slow), 4, 6,
    pytest.param(8, marks=pytest.mark.slow),
    pytest.param(10, marks=pytest.mark.slow)])
def test_resumed_within_and_between_rounds_is_bit_equal(
        point, whole_run, tmp_path):
    built = config(tmp_path, checkpoint=2)
    (tmp_path / 'snapshots').mkdir()
    for snap in (whole_run / 'snapshots').iterdir():
        if point > LENGTH or snap.stem == 'theta0':
            shutil.copy(snap, tmp_path / 'snapshots')
    source = next(whole_run.rglob(f'iter_{point}.pth'))
    target = tmp_path / source.relative_to(whole_run)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    (tmp_path / 'last_checkpoint').write_text(str(target))
    built.resume = True
    runs.train(built)
    ends = [runs.training_state(
        runs.load(folder / 'round_02' / 'iter_12.pth'))
        for folder in (whole_run, tmp_path)]
    assert runs.differences(*ends) == []
    assert models(whole_run) == models(tmp_path)


def test_killed_between_the_last_iteration_and_the_end_of_a_round(
        tmp_path, whole_run, monkeypatch):
    """The hook has saved, the round is not in the record yet."""
    from mmgancomp.sparsity.lottery import LotteryTicketLoop

    class Killed(Exception):
        pass

    def kill(loop, number):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LotteryTicketLoop, '_end', kill)
        runs.train(config(tmp_path, checkpoint=2))
    assert (tmp_path / 'last_checkpoint').read_text().endswith('iter_4.pth')
    built = config(tmp_path, checkpoint=2)
    built.resume = True
    runs.train(built)
    ends = [runs.training_state(
        runs.load(folder / 'round_02' / 'iter_12.pth'))
        for folder in (whole_run, tmp_path)]
    assert runs.differences(*ends) == []
    assert models(whole_run) == models(tmp_path)


def test_a_missing_snapshot_is_named(tmp_path):
    built = config(tmp_path, checkpoint=2)
    runs.train(built)
    (tmp_path / 'snapshots' / 'theta0.pth').unlink()
    (tmp_path / 'last_checkpoint').write_text(
        str(tmp_path / 'round_01' / 'iter_8.pth'))
    built.resume = True
    with pytest.raises(ConfigError, match=r"train_cfg.rewind.*'theta0'"):
        runs.train(built)


@pytest.mark.parametrize('family', tiny.FAMILIES)
def test_every_family_plays(family, tmp_path):
    runner, spy = train(config(tmp_path, family, length=2, rounds=1))
    model = families.base.bare(runner.model)
    theta0 = snapshot(tmp_path, 'theta0')
    begun = spy.begun[1]
    for network in families.of(model).networks(model).values():
        assert_rewound(begun['state'], theta0, f'{network.name}.',
                       begun['masks'])
        masked = MaskedNetwork.of(network.module)
        assert (masked is not None) == (network.role == 'generator')
        if masked:
            assert masked.survivors == masked.maskable - removed_count(
                masked.maskable, .8)
            for name, weight in masked.weights.items():
                assert not bool(weight[~masked.masks[name]].any())

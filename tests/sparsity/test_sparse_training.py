"""Sparse training in a real run: when masks move, and what stays put."""

import json

import pytest
from mmengine.hooks import Hook

from mmgancomp import families
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.sema import SEMA
from tests.support import half, runs, tiny  # noqa: F401

pytestmark = tiny.STOCK_WARNINGS

EMA = dict(type='mmgancomp.SEMA', interval=1, momentum=.1, start_iter=1)


def config(family, folder, *, schedule=None, density=.2, iterations=8,
           networks=None, optimizers=None, **overrides):
    """DropAndGrow at every second update of G, a static sparse D."""
    moving = dict(type='DropAndGrow', **{'interval': 2, **(schedule or {})})
    overrides.setdefault('checkpoint', iterations)
    return tiny.config(
        family,
        folder,
        iterations=iterations,
        default_hooks=dict(
            sparsity=dict(
                type='mmgancomp.SparsityHook',
                networks=networks or {
                    'generator': dict(density=density, schedule=moving),
                    'discriminator': dict(
                        density=.5, criterion='random', allocation='erk')
                })),
        optim_wrapper=optimizers or {},
        **overrides)


def networks_of(runner):
    model = families.base.bare(runner.model)
    return families.of(model).networks(model)


class Forwards(Hook):
    """Looks at the weights in each forward of each network, and its EMA."""

    priority = 'VERY_LOW'

    def __init__(self):
        self.calls, self.dense = {}, []

    def before_train(self, runner):
        for name, network in networks_of(runner).items():
            network.module.register_forward_pre_hook(self._look(
                name, network.module, network.module))

    def _look(self, name, module, source):
        def look(*_):
            self.calls[name] = self.calls.get(name, 0) + 1
            masked = MaskedNetwork.of(source)
            if masked is None or masked.density == 1:
                self.dense.append(f'{name}: no masks')
                return
            for key, mask in masked.masks.items():
                weight = module.get_parameter(key).detach()
                if bool(weight[~mask].any()):
                    self.dense.append(f'{name}.{key}')
        return look


@pytest.mark.parametrize('family', ['biggan', 'cyclegan'])
def test_masks_move_at_the_ticks_alone_and_no_forward_is_dense(
        family, tmp_path):
    watch, forwards = runs.Watch(), Forwards()
    runner = runs.train(
        config(family, tmp_path, iterations=12, **(
            {'model.ema_config': EMA, 'model.discriminator_steps': 1}
            if family == 'biggan' else {})), watch, forwards)
    assert watch.violations == []
    assert forwards.dense == []
    record = json.loads((tmp_path / 'compression.json').read_text())
    summaries = record['models'][0]['networks']
    for name, network in networks_of(runner).items():
        assert forwards.calls[name] >= 12
        masked = MaskedNetwork.of(network.module)
        assert len(set(watch.kept[name])) == 1
        digests = watch.digests[name]
        moves = [i + 1 for i in range(1, 12) if digests[i] != digests[i - 1]]
        ticks = [update for update, _ in summaries[name]['history']]
        if network.role == 'generator':
            assert ticks == [0, 2, 4, 6, 8, 10, 12]
            assert moves == ticks[1:]
            assert name in watch.dense
            assert masked.density == pytest.approx(.2, abs=.01)
        else:
            assert (ticks, moves) == ([0], [])
            assert name not in watch.dense
            assert masked.density == pytest.approx(.5, abs=.02)


@pytest.mark.parametrize(('explored', 'still'), [
    (['discriminator'], ['generator']),
    (['generator', 'discriminator'], []),
])
def test_either_network_or_both_may_explore(explored, still, tmp_path):
    static = dict(density=.3, criterion='random', allocation='erk')
    moving = dict(density=.3, schedule=dict(type='DropAndGrow', interval=1))
    watch = runs.Watch()
    runs.train(
        config('sngan_proj', tmp_path, networks={
            **dict.fromkeys(explored, moving), **dict.fromkeys(still, static)},
            **{'model.discriminator_steps': 1}), watch)
    assert watch.violations == []
    assert watch.dense == set(explored)
    for name in explored:
        assert len(set(watch.digests[name])) == 8
    for name in still:
        assert len(set(watch.digests[name])) == 1


def test_the_static_mask_is_the_one_that_exploring_starts_from(tmp_path):
    found = {}
    for name, options in {
            'static': dict(density=.3, criterion='random', allocation='erk'),
            'moving': dict(density=.3, schedule=dict(
                type='DropAndGrow', interval=2))}.items():
        watch = runs.Watch()
        runs.train(
            config('dcgan', tmp_path / name, iterations=3,
                   networks=dict(generator=options),
                   randomness=dict(seed=1)), watch)
        found[name] = watch.digests['generator']
    assert found['moving'][0] == found['static'][0]
    assert found['moving'][2] != found['static'][2]


class Clock(Hook):
    """What the gradient was at each update, to grow by."""

    priority = 'HIGH'

    def __init__(self, name='generator'):
        self.name, self.grown = name, []

    def before_train(self, runner):
        network = networks_of(runner)[self.name]
        self.masked = MaskedNetwork.of(network.module)
        optimizer = runner.optim_wrapper[network.optimizer].optimizer
        self.before = self._copy()
        optimizer.register_step_post_hook(self._after)

    def _copy(self):
        return {n: m.clone() for n, m in self.masked.masks.items()}

    def _after(self, *_):
        for name, weight in self.masked.weights.items():
            new, old = self.masked.masks[name], self.before[name]
            grown = new & ~old
            if bool(grown.any()):
                gradient = weight.grad.abs()
                self.grown.append(
                    (gradient[grown].min(), gradient[~new].max()))
        self.before = self._copy()


@pytest.mark.parametrize('condition', ['plain', 'accumulation', 'amp'])
def test_what_grows_has_the_largest_gradient_of_this_very_update(
        condition, tmp_path):
    wrappers = dict(generator=dict(clip_grad=dict(max_norm=.01)))
    if condition == 'accumulation':
        wrappers['generator']['accumulative_counts'] = 3
    if condition == 'amp':
        for key in ('generator', 'discriminator'):
            wrappers.setdefault(key, {}).update(
                type='HalfOptimWrapper', overflow=[2])
    clock, watch = Clock(), runs.Watch()
    runs.train(
        config('dcgan', tmp_path, optimizers=wrappers, iterations=8), watch,
        clock)
    assert watch.violations == []
    assert len(clock.grown) > 3
    assert all(least >= most for least, most in clock.grown)
    state = runs.load(tmp_path / 'iter_8.pth')['mmgancomp']
    history = state['sparsity']['generator']['schedule']['history']
    # A skipped step is no tick.
    assert [u for u, _ in history] == (
        [0, 2, 4, 6] if condition == 'amp' else [0, 2, 4, 6, 8])
    assert state['clocks']['generator'] == (7 if condition == 'amp' else 8)


def test_the_discriminator_grows_by_its_own_loss(tmp_path):
    """The generator's turn leaves no gradient behind in it."""

    class Left(Hook):
        priority = 'LOW'
        found = looked = 0

        def after_train_iter(self, runner, batch_idx, data_batch=None,
                             outputs=None):
            network = networks_of(runner)['discriminator']
            for parameter in network.module.parameters():
                self.looked += 1
                self.found += parameter.grad is not None

    clock, left = Clock('discriminator'), Left()
    runs.train(
        config('dcgan', tmp_path, networks=dict(
            discriminator=dict(density=.2, schedule=dict(
                type='DropAndGrow', interval=1)))), clock, left)
    assert left.looked > 0
    assert left.found == 0
    assert len(clock.grown) > 5
    assert all(least >= most for least, most in clock.grown)


@pytest.mark.parametrize(('family', 'options'), [
    ('biggan', dict(growth='random')),
    ('dcgan', dict(growth='momentum', reset_moments=True)),
])
def test_resumed_in_mid_period_it_ends_with_the_same_bits(
        family, options, tmp_path):
    more = {'model.ema_config': EMA, 'model.discriminator_steps': 1} if (
        family == 'biggan') else {}
    settings = dict(schedule=options, iterations=10, checkpoint=5, **more)
    whole = config(family, tmp_path / 'whole', **settings)
    runs.train(whole)
    broken = config(family, tmp_path / 'broken', **settings)
    runs.train(runs.resume_from(broken, tmp_path / 'whole', 5))
    one, other = (
        runs.training_state(runs.load(tmp_path / part / 'iter_10.pth'))
        for part in ('whole', 'broken'))
    assert runs.differences(one, other) == []
    assert len(next(iter(one['sparsity'].values()))['schedule']['history']) > 3


def test_sema_follows_the_masks_of_the_same_update(tmp_path):
    """Pruned weights are zero in it at once, grown ones are not cold."""

    class Look(Hook):
        priority = 'LOW'
        cold = looked = 0

        def after_train_iter(self, runner, batch_idx, data_batch=None,
                             outputs=None):
            network = networks_of(runner)['generator']
            masked = MaskedNetwork.of(network.module)
            for name, weight in masked.weights.items():
                mean = network.ema.get_parameter(name)
                moved = masked.masks[name] & (weight.detach() != 0)
                self.cold += int((mean[moved] == 0).count_nonzero())
                self.looked += int(moved.count_nonzero())

    settings = {'model.ema_config': EMA, 'model.discriminator_steps': 1}
    watch, look = runs.Watch(), Look()
    runner = runs.train(config('biggan', tmp_path, **settings), watch, look)
    ema = families.base.bare(runner.model).generator_ema
    assert type(ema) is SEMA
    assert watch.violations == []
    assert look.cold == 0
    assert look.looked > 1000
    state = runs.load(tmp_path / 'iter_8.pth')['state_dict']
    tiny.model('biggan').load_state_dict(state, strict=True)


def test_density_one_trains_as_if_nothing_were_there(tmp_path):
    ends = []
    for part in ('none', 'dense'):
        built = config('dcgan', tmp_path / part, iterations=5,
                       networks=dict(generator=dict(
                           density=1., schedule=dict(type='DropAndGrow',
                                                     interval=1))),
                       randomness=dict(seed=3))
        if part == 'none':
            del built.default_hooks['sparsity']
        runner = runs.train(built)
        ends.append(dict(families.base.bare(runner.model).state_dict()))
    assert runs.differences(*ends) == []


@pytest.mark.parametrize(('options', 'message'), [
    (dict(interval=9), r"interval = 9: .*of 8 .*interval of 9"),
    (dict(growth='momentum'),
     r"growth = 'momentum': Adam as configured keeps no average"),
])
def test_plan_and_run_find_what_cannot_be(options, message, tmp_path):
    forgetful = dict(generator=dict(optimizer=dict(betas=(0., .9))))
    built = config('dcgan', tmp_path, optimizers=forgetful, schedule=options)
    with pytest.raises(ConfigError, match=message):
        plan(built)
    with pytest.raises(ConfigError, match=message):
        runs.train(built)


def test_the_plan_shows_the_masks_and_their_changes(tmp_path):
    row, other = plan(config('dcgan', tmp_path))['mechanisms']
    assert (row['schedule'], row['allocation']) == ('DropAndGrow', 'ERK')
    assert row["ticks"] == [0, 2, 4, 6, 8]
    assert row['kept'] == sum(layer['kept'] for layer in row['layers'])
    assert row['kept'] / row['maskable'] == pytest.approx(.2, abs=.01)
    assert other['kept'] / other['maskable'] == pytest.approx(.5, abs=.01)

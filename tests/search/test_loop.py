"""Searches in real runs: order, files, resume, baselines, two processes."""

from __future__ import annotations

import gc
import json

import pytest
import torch
from mmengine.hooks import Hook

from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from mmgancomp.runtime.record import read_record
from mmgancomp.search import SearchableGenerator, architecture
from mmgancomp.search.settings import SearchSettings
from tests.support import half, ranks, runs  # noqa: F401
from tests.support.search import RETRAIN, tiny

LENGTH = 3 + 2 + 2 + 2
LOADER = dict(dataset=dict(type='x'), sampler=dict(type='x'), batch_size=1)


class Spy(Hook):
    """What changed in each iteration, and in which phase it was."""

    priority = 'LOWEST'

    def __init__(self):
        self.phases, self.changed, self.read = [], [], []
        self.copies, self.supernets = set(), []

    def states(self, runner):
        loop = runner.train_loop
        parts = {**loop._networks,
                 **{f'{n}_worst': w.copy for n, w in loop._worst.items()}}
        return {f'{part}.{k}': v.clone() for part, module in parts.items()
                for k, v in module.state_dict().items()}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.before = self.states(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        after = self.states(runner)
        self.phases.append(runner.train_loop.plan.at(runner.iter).phase)
        self.read.append(runner.message_hub.get_info('iter'))
        self.changed.append({
            k for k in after if not torch.equal(after[k], self.before[k])})
        self.copies.add(tuple(
            id(worst.copy) for worst in runner.train_loop._worst.values()))
        if runner.train_loop.plan.at(runner.iter).last:
            self.supernets.append(sum(
                type(found) is SearchableGenerator
                for found in gc.get_objects()))


def parts(names):
    """Which networks' weights, and whether architecture weights."""
    return ({n.partition('.')[0] for n in names if not n.endswith('alpha')},
            any(n.endswith('alpha') for n in names))


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    """A whole search, with a checkpoint after each iteration."""
    folder = tmp_path_factory.mktemp('search')
    spy = Spy()
    runner = runs.train(tiny(folder, validates=True), spy)
    return folder, runner, spy


def test_phases_follow_each_other_and_touch_what_is_theirs(searched):
    _, runner, spy = searched
    assert spy.phases == 2 * (
        3 * ['weights'] + 2 * ['discriminator_worst']
        + 2 * ['generator_worst'] + 2 * ['architecture'])
    assert spy.read[:LENGTH] == [0, 1, 2] + 6 * [3]
    for number, (phase, changed) in enumerate(zip(spy.phases, spy.changed)):
        networks, alphas = parts(changed)
        if phase == 'weights':
            assert networks == {'generator', 'discriminator'}
        elif phase == 'architecture':
            assert networks == set() and alphas
            assert all(k.startswith('generator.') for k in changed)
        elif number % LENGTH == 3:
            # Renewed: both copies are what the networks are, then one step.
            assert networks == {'discriminator_worst', 'generator_worst'}
        else:
            assert networks == {phase}
        if phase != 'architecture' and number % LENGTH != 3:
            assert not alphas


def test_genotypes_are_written_each_epoch_and_build_a_network(searched):
    folder, runner, _ = searched
    names = sorted(p.name for p in (folder / 'genotypes').iterdir())
    assert names == ['epoch_001.json', 'epoch_002.json']
    latest = json.loads((folder / 'genotype.json').read_text())
    found = runner.train_loop._networks['generator'].genotype()
    assert latest['generator'] == found.plain()
    assert latest['epoch'] == 2
    config = tiny(folder / 'again', path=RETRAIN)
    config.model.generator.genotype = str(folder / 'genotype.json')
    config.model.generator.bottom_width = 4
    document = plan(config)
    assert document['networks']['generator']['params'] > 0
    record = read_record(folder)['models'][-1]['networks']['generator']
    assert record['search']['genotype'] == found.plain()
    assert [epoch for epoch, _ in record['search']['gap']] == [1, 2]


@pytest.mark.parametrize('iteration', [
    # In the fast tests one of each phase.
    i if i in (2, 4, 6, 8) else pytest.param(i, marks=pytest.mark.slow)
    for i in range(1, LENGTH + 2)])
def test_resumes_bit_for_bit_from_any_phase(searched, tmp_path, iteration):
    """After each iteration of the first epoch, and the first of the next."""
    source, _, _ = searched
    config = runs.resume_from(tiny(tmp_path), source, iteration)
    config.default_hooks.checkpoint.interval = 2 * LENGTH
    runs.train(config)
    whole, resumed = (
        runs.training_state(runs.load(f / f'iter_{2 * LENGTH}.pth'))
        for f in (source, tmp_path))
    for state in (whole, resumed):
        state.pop('models', None)
    assert not runs.differences(whole, resumed)


def test_checkpoints_hold_copies_only_while_they_are_needed(searched):
    folder, _, _ = searched
    held = ['worst' in runs.load(folder / f'iter_{i}.pth')['mmgancomp'][
        'search'] for i in range(1, LENGTH + 1)]
    assert held == 3 * [False] + 5 * [True] + [False]


def test_there_is_one_copy_of_each_network(searched):
    _, runner, spy = searched
    assert len(spy.copies) == 1
    # The generator, its average and its copy, and others of other tests.
    assert len(spy.supernets) == 2 and len(set(spy.supernets)) == 1


SLOW = pytest.mark.slow


@SLOW
@pytest.mark.parametrize('options', [
    dict(targets='both'),
    dict(strategy='random_search'),
    dict(grow=[1]),
    dict(solver='unrolled'),
    dict(split='mixed', lamina=0.5),
    dict(sampling='gumbel', temperature=1.),
    dict(worst_update='both'),
    dict(objective='first_term'),
    dict(objective='adversarial'),
    dict(architecture_begin=1),
    dict(strategy='random_sampling')
], ids=lambda o: '-'.join(str(v) for v in o.values()))
def test_variants_run_and_resume(tmp_path, options):
    words = []
    if options.get('targets') == 'both':
        words = ['model.discriminator._delete_=True',
                 'model.discriminator.type=mmgancomp.SearchableDiscriminator',
                 'model.discriminator.input_scale=16',
                 'model.discriminator.input_channels=1']
    runner = runs.train(tiny(tmp_path / 'whole', *words, **options))
    last = runner.iter
    start = runner.train_loop.plan.shape.iterations - 1
    config = runs.resume_from(
        tiny(tmp_path / 'resumed', *words, **options), tmp_path / 'whole',
        start)
    runs.train(config)
    states = [
        runs.training_state(runs.load(tmp_path / f / f'iter_{last}.pth'))
        for f in ('whole', 'resumed')]
    assert not runs.differences(*states)
    document = json.loads((tmp_path / 'whole/genotype.json').read_text())
    assert set(document) >= set(runner.train_loop.plan.searched)
    generator = runner.train_loop._networks['generator']
    first = runs.load(tmp_path / 'whole/iter_1.pth')['state_dict']
    begun = [v for k, v in first.items()
             if k.startswith('generator.') and k.endswith('alpha')]
    moved = not all(map(torch.equal, begun, architecture(generator)))
    # Baselines have no architecture weights that move.
    assert moved is ('strategy' not in options)


def test_images_grow_with_the_cells(tmp_path):
    sizes = []

    class Sizes(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if data_batch is not None:
                sizes.append({tuple(s.gt_img.shape[-2:])
                              for s in data_batch['data_samples']})

    runner = runs.train(tiny(tmp_path, grow=[1]), Sizes())
    middle = len(sizes) // 2
    assert sizes[:middle] == middle * [{(8, 8)}]
    assert sizes[middle:] == middle * [{(16, 16)}]
    # What does not run yet is not trained.
    names = ('generator.cells.1.up.0.alpha',
             'generator.cells.1.normal.0.operations.conv_3x3.1.weight')
    states = [runs.load(tmp_path / f'iter_{i}.pth')['state_dict']
              for i in (1, LENGTH, 2 * LENGTH)]
    for name in names:
        assert torch.equal(states[0][name], states[1][name])
        assert not torch.equal(states[1][name], states[2][name])
    assert runner.train_loop._networks['generator'].depth == 2


class Precision(Hook):
    """Types of what the networks make, by the phase that asks for it."""

    def __init__(self):
        self.seen = {}

    def before_train(self, runner):
        loop = runner.train_loop
        for name, network in {**loop._networks, **{
                f'{n}_worst': w.copy for n, w in loop._worst.items()}}.items():
            first = next(m for m in network.modules()
                         if isinstance(m, torch.nn.Conv2d))
            first.register_forward_hook(self._look(runner, name))

    def _look(self, runner, name):
        def look(module, args, output):
            phase = runner.train_loop.plan.at(runner.iter).phase
            self.seen.setdefault((phase, name), set()).add(output.dtype)
        return look


@SLOW
def test_mixed_precision_trains_the_weights_alone(tmp_path):
    """Copies and gap stay in fp32: the gap's terms are nearly equal."""
    def config(folder):
        options = tiny(folder)
        for name in ('generator', 'discriminator'):
            options.optim_wrapper[name].type = 'HalfOptimWrapper'
        return options

    eye = Precision()
    runner = runs.train(config(tmp_path / 'whole'), eye)
    for (phase, name), kinds in eye.seen.items():
        wanted = {torch.bfloat16 if phase == 'weights' else torch.float32}
        assert kinds == wanted, (phase, name)
    assert {phase for phase, _ in eye.seen} == {
        'weights', 'discriminator_worst', 'generator_worst', 'architecture'}
    for name in ('generator', 'discriminator'):
        assert runner.optim_wrapper[name].skipped == 1
    assert runner.train_loop._history.epochs[-1]['gap'] != 0
    source = tmp_path / 'whole'
    runs.train(runs.resume_from(config(tmp_path / 'again'), source, 6))
    states = [runs.training_state(runs.load(
        tmp_path / part / f'iter_{2 * LENGTH}.pth'))
        for part in ('whole', 'again')]
    assert not runs.differences(*states)


@SLOW
def test_random_sampling_keeps_the_least_gap_of_all_epochs(tmp_path):
    runner = runs.train(tiny(tmp_path, strategy='random_sampling', epochs=4))
    epochs = runner.train_loop._history.epochs
    gaps = [e['gap'] for e in epochs]
    assert epochs[-1]['genotype'] == epochs[gaps.index(min(gaps))]['genotype']
    assert len({str(e['genotype']) for e in epochs[:1]}) == 1


def test_places_and_batches_add_up():
    settings = SearchSettings.read(dict(
        architecture_dataloader=LOADER, epochs=4, inner_steps=3, worst_steps=2,
        outer_steps=2, architecture_begin=1, solver='unrolled'))
    total = settings.shape.iterations
    assert total == 3 + 3 * LENGTH
    training = held = 0
    for iteration in range(total):
        assert settings.batches(iteration) == (training, held)
        place = settings.at(iteration)
        training += place.phase in ('weights', 'architecture')
        held += place.phase in ('discriminator_worst', 'architecture')
    assert place.last and place.epoch == 3


def test_published_steps():
    loader = dict(architecture_dataloader=LOADER)
    small = SearchSettings.read(loader)
    large = SearchSettings.read(dict(loader, variant='l'))
    assert [n for _, n in small.phases(0)] == [20, 20, 20, 20]
    assert [n for _, n in large.phases(0)] == [390, 390, 390, 20]
    assert small.epochs == 100


WRONG = {
    'epochs=0': 'at least 1',
    'grow=1': 'rising',
    'variant=xl': 'no such variant',
    'lamina=0.5': "split is not 'mixed'",
    'strategie=gap': 'no such option',
    'architecture_begin=9': 'never be searched',
    'targets=both': 'SearchableDiscriminator',
    'optimizer.type=Adamm': 'train_cfg.optimizer',
    'architecture_dataloader.dataset.indices=600': 'hold some out',
}


@pytest.mark.parametrize('word', WRONG)
def test_wrong_settings_are_found_by_the_plan(tmp_path, word):
    config = tiny(tmp_path)
    config.merge_from_dict({
        f'train_cfg.{key}': int(value) if value.isdigit() else
        float(value) if value.replace('.', '').isdigit() else value
        for key, value in [word.split('=')]})
    with pytest.raises(ConfigError, match=WRONG[word]) as error:
        plan(config)
    assert 'train_cfg' in str(error.value) or 'model.' in str(error.value)


def test_masks_and_teachers_belong_into_the_training_of_the_result(tmp_path):
    config = tiny(tmp_path)
    config.default_hooks.sparsity = dict(
        type='mmgancomp.SparsityHook', networks=dict(
            generator=dict(density=.5)))
    with pytest.raises(ConfigError, match='DerivedGenerator'):
        plan(config)


def test_images_of_another_size_are_an_error(tmp_path):
    config = tiny(tmp_path)
    config.model.generator.bottom_width = 2
    # Else it would be the discriminator that does not fit.
    config.model.discriminator.input_scale = 8
    with pytest.raises(ConfigError, match='bottom_width = 2'):
        runs.train(config)


def test_two_processes_agree(tmp_path):
    processes = ranks.start([], tmp_path, 'tests.support.search', 0)
    one, other = ranks.results(processes, tmp_path)
    assert one['noise'] != other['noise']
    for key in ('alpha', 'worst', 'weights', 'genotype'):
        assert one[key] == other[key], key

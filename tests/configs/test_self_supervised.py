"""Self-supervised compression: configs and each line of the README plan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner

from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from tests.configs.test_variants import options
from tests.support import taught
from tests.support.tiny import STOCK_WARNINGS
from tests.support.variants import variants

pytestmark = STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'self_supervised'
ALL = sorted(FOLDER.glob('*.py'))
DIGITS, = FOLDER.glob('*digits*.py')
FOUND = variants(FOLDER / 'README.md')

assert len(ALL) >= 9
assert {v.name[0] for v in FOUND if v.table == 'Row'} == set('abcdefghijkln')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Dense weights, and a copy without the discriminators."""
    run = tmp_path_factory.mktemp('dense')
    config = taught.teach(load_config(str(DIGITS)), run)
    state = torch.load(config.default_hooks.distillation.teacher.checkpoint,
                       weights_only=True)['state_dict']
    kept = {k: v for k, v in state.items()
            if not k.startswith('discriminator')}
    torch.save(dict(state_dict=kept), run / 'generator.pth')
    return run


def small(config, folder):
    """The config in small; it starts from its teacher, as it says."""
    own = config.load_from
    hook = config.default_hooks.get('distillation')
    if hook is not None and own and 'generator.pth' not in own:
        assert own == hook.teacher.checkpoint
    taught.teach(config, folder)
    # Whatever this checkout has trained before.
    if own and not Path(own).is_absolute():
        config.load_from = str(folder / 'own.pth')
    return config


def parts(document):
    """Rows about masks by role, and those about terms."""
    masks = {}
    for row in document['mechanisms']:
        if row['mechanism'] == 'sparsity':
            role = document['networks'][row['network']]['role']
            masks.setdefault(role, row)
    return masks, [row for row in document['mechanisms'] if 'term' in row]


@pytest.mark.parametrize('path', [
    pytest.param(
        path,
        id=path.stem,
        marks=pytest.mark.slow if 'stylegan2' in path.name else ())
    for path in ALL
])
def test_config(path, tmp_path):
    document = plan(small(load_config(str(path)), tmp_path))
    masks, (term, ) = parts(document)
    row, share = masks['generator'], 0.1 if '-90_' in path.name else 0.5
    assert (row['schedule'], set(masks)) == ('AGP', {'generator'})
    assert row['kept'] / row['maskable'] == pytest.approx(share, abs=.01)
    updates = document['networks'][row['network']]['updates']
    assert row['ticks'][-1] == round(updates / 2)
    assert (term['type'], term['weight']) == ('NormalisedConsistencyLoss', 1.)


@pytest.mark.slow
@pytest.mark.parametrize('path', ALL, ids=lambda p: p.stem)
def test_counts_of_the_readme(path):
    config = load_config(str(path))
    config.load_from = config.default_hooks.distillation = None
    if 'perceptual_loss' in config.model:
        config.model.perceptual_loss = None
        config.model.generator.init_cfg = None
    if 'MSRResNet' in config.model.generator.type:
        del config.model.generator['init_cfg']
    line, = (line for line in (FOLDER / 'README.md').read_text().split('\n')
             if f']({path.name})' in line)
    counts = [int(cell.replace(',', '')) for cell in line.split('|')[3:6]]
    row = parts(plan(config))[0]['generator']
    assert counts == [row['maskable'], row['kept'],
                      config.train_cfg.max_iters]


def varied(variant, folder):
    return load_config(str(DIGITS), options(variant.options(folder)))


@pytest.mark.parametrize('variant', FOUND, ids=str)
def test_variant(variant, folder):
    config = varied(variant, folder)
    assert ('base_channels' not in variant.words
            or config.model.generator.base_channels == 32 // 2)
    plain = plan(small(load_config(str(DIGITS)), folder))
    document = plan(small(config, folder))
    masks, terms = parts(document)
    words = variant.words
    density = re.search(r'generator\.density=([\d.]+)', words)
    if 'sparsity=None' in words:
        assert not masks
    else:
        row = masks['generator']
        share = float(density[1]) if density else 0.1
        # Of the few filters of a small network one has to stay.
        few = .1 if 'filter' in words else .03
        assert row['kept'] / row['maskable'] == pytest.approx(share, abs=few)
        assert row['schedule'] == (
            'OneShot' if 'OneShot' in words else 'AGP')
    assert ('discriminator' in masks) is ('discriminator.density' in words)
    wanted = re.findall(r'mmgancomp\.(\w+)', words)
    if not re.search(r'\$D\.generator(\.same\.type)?=', words):
        wanted.insert(0, 'NormalisedConsistencyLoss')
    assert [t['type'] for t in terms] == (
        [] if '$D=None' in words else wanted)
    same = {'another seed', 'D frozen', 'D from scratch', 'no term of D',
            'smaller floor', 'beside the stock loss'}
    assert document != plain or variant.name in same


@pytest.mark.parametrize('row', ['b', 'g', 'i, AGP', 'k', 'l'])
def test_a_baseline_trains(row, folder, tmp_path):
    """Two updates of those whose losses are unlike the others'."""
    variant, = (v for v in FOUND if v.table == 'Row' and v.name == row)
    config = small(varied(variant, folder), folder)
    config.merge_from_dict({
        'work_dir': str(tmp_path),
        'experiment_name': tmp_path.name,
        'train_cfg.max_iters': 2,
        'train_dataloader.batch_size': 4,
        'default_hooks.sparsity.networks.generator.schedule': dict(
            type='OneShot'),
        **{
            f'{part}_{key}': None
            for part in ('val', 'test')
            for key in ('dataloader', 'cfg', 'evaluator')
        }
    })
    runner = Runner.from_cfg(config)
    runner.train()
    state = torch.load(config.load_from, weights_only=True)['state_dict']
    moved = {
        key.partition('.')[0]
        for key, value in runner.model.state_dict().items()
        if key not in state or not torch.equal(value, state[key])
    }
    assert 'generator' in moved
    frozen = 'student_discriminator=frozen' in variant.words
    assert ('discriminator' in moved) is not frozen

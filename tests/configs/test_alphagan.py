"""alphaGAN's configs plan as their README says, and so does each variant."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.runtime.state import RunState
from mmgancomp.search import (
    NORMAL_OPERATIONS,
    PUBLISHED,
    UP_OPERATIONS,
    DerivedGenerator,
)
from mmgancomp.search.settings import SearchSettings
from tests.configs.test_variants import options
from tests.support import runs
from tests.support.pictures import shortened
from tests.support.search import FOLDER, RETRAIN, SEARCH
from tests.support.tiny import STOCK_WARNINGS, images
from tests.support.variants import Variant, small, variants

pytestmark = STOCK_WARNINGS

README = FOLDER / 'README.md'
CIFAR = 'ggan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
FOUND = variants(README)
# A plan takes about a second.
QUICK = ('D searched too', 'second order', 'Wasserstein', 'random search',
         'random, same size')


def promised(path: Path) -> list[str]:
    """The cells of the README's row about a config."""
    row, = (line for line in README.read_text().split('\n')
            if f']({path.name})' in line)
    return [cell.strip() for cell in row.strip('|').split('|')]


@pytest.mark.parametrize('path', [
    p if 's_ggan' in p.name and 'cifar' in p.name or p == SEARCH else
    pytest.param(p, marks=pytest.mark.slow)
    for p in sorted(FOLDER.glob('*.py')) if p != RETRAIN
], ids=lambda p: p.name.partition('.')[0])
def test_counts_are_those_of_the_readme(path):
    document = plan(load_config(str(path)))
    generator = document['networks']['generator']
    _, _, parameters, other = promised(path)
    assert f'{generator["params"]:,}' == parameters
    if 'search' in path.name:
        assert f'{document["iterations"]:,}' == other
        row, = document['mechanisms']
        assert row['space'] == 198_359_290_368
        assert row['strategy'] == 'gap'
    else:
        assert f'{generator["macs_after"]:,}' == other
        wanted = 50048 if 'cifar' in path.name else 80000
        assert generator['updates'] == wanted


def test_published_recipe_of_the_search():
    config = load_config(str(FOLDER / f'alphagan-s-search_{CIFAR}'))
    loader = config.train_cfg.architecture_dataloader
    assert config.train_dataloader.dataset.indices == 25000
    assert loader.dataset.indices == -25000
    assert loader.batch_size == config.train_dataloader.batch_size == 64
    for name in ('generator', 'discriminator'):
        entry = config.optim_wrapper[name]
        assert entry.get('accumulative_counts', 1) == 1
        assert entry.optimizer.lr == 2e-4
        assert tuple(entry.optimizer.betas) == (0, .9)
    assert config.model.discriminator_steps == 5
    assert config.train_cfg.epochs == 100
    assert config.randomness.seed == 2


def test_digits_search_and_training_belong_together():
    config = load_config(str(RETRAIN))
    assert config.model.generator.genotype == (
        f'work_dirs/{SEARCH.stem}/genotype.json')
    searched = load_config(str(SEARCH)).model.generator
    for name in ('base_channels', 'bottom_width', 'out_channels'):
        assert searched[name] == config.model.generator[name]


FULL = [p for p in sorted(FOLDER.glob('*.py')) if 'digits' not in p.name]


def on_a_few_images(config, folder):
    """A search of one epoch, of one step each, on small images."""
    size = config.model.generator.bottom_width * 8
    data = dict(
        type='BasicImageDataset', data_root=str(images()),
        data_prefix=dict(gt='flat32'), pipeline=[
            dict(type='LoadImageFromFile', key='gt'),
            dict(type='Resize', keys='gt', scale=(size, size)),
            dict(type='PackInputs')])
    for loader, indices in ((config.train_dataloader, 8), (
            config.train_cfg.architecture_dataloader, -8)):
        loader.dataset = dict(data, indices=indices)
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.train_cfg.update(
        epochs=1, inner_steps=5, worst_steps=1, outer_steps=1)
    for part in ('val', 'test'):
        for key in ('dataloader', 'cfg', 'evaluator'):
            config[f'{part}_{key}'] = None
    config.work_dir = str(folder / 'run')
    return config


@pytest.mark.slow
@pytest.mark.parametrize('path', FULL, ids=lambda p: p.stem)
def test_starts_and_steps_at_full_size(path, tmp_path):
    config, search = load_config(str(path)), 'search' in path.name
    config = (on_a_few_images(config, tmp_path) if search else
              shortened(config, tmp_path))
    torch.manual_seed(0)
    begun = []

    class Start(Hook):
        def before_train(self, runner):
            begun.extend(p.clone() for p in runner.model.parameters())

    runner = runs.train(config, Start())
    generator = families.bare(runner.model).generator
    own = sum(p.numel() for p in generator.parameters())
    assert f'{own:,}' == promised(path)[2]
    clock = RunState.of(runner).updates('generator').clock
    assert clock == 1
    moved = [not torch.equal(a, b)
             for a, b in zip(begun, runner.model.parameters())]
    assert sum(moved) > len(moved) / 2
    if search:
        document = json.loads((tmp_path / 'run/genotype.json').read_text())
        with torch.device('meta'):
            DerivedGenerator(document['generator'])


def each(table: str) -> pytest.MarkDecorator:
    """The variants of one table; most are slow tests."""
    found = [v for v in FOUND if v.table == table]
    assert len(found) > 3
    return pytest.mark.parametrize('variant', [
        pytest.param(v, id=str(v),
                     marks=() if v.name in QUICK else pytest.mark.slow)
        for v in found])


def planned(name: str, variant: Variant) -> tuple[dict, dict]:
    """The plan of a config without and with a variant, in small."""
    path = str(FOLDER / f'{name}_{CIFAR}')
    words = variant.options(Path())
    found = []
    for line in (None, options(words)):
        # MACs are those of the best operations, at first drawn ones.
        torch.manual_seed(0)
        found.append(plan(small(load_config(path, line))))
    return found[0], found[1]


@each('Variant')
def test_variant_of_the_search(variant):
    plain, document = planned('alphagan-s-search', variant)
    row, = document['mechanisms']
    assert row['mechanism'] == 'search'
    # A line that changes nothing would be no variant.
    config = load_config(
        str(FOLDER / f'alphagan-s-search_{CIFAR}'),
        options(variant.options(Path())))
    assert document != plain or config.model.type in ('DCGAN', 'WGANGP')


@each('Variant of a training')
def test_variant_of_the_training(variant, tmp_path, monkeypatch):
    if 'genotype.json' in variant.words:
        monkeypatch.chdir(tmp_path)
        file = Path(variant.words.split()[0].partition('=')[2])
        file.parent.mkdir(parents=True)
        judge = [dict(lift=['conv_1x1_first'], normal=['none'])]
        judge += 3 * [dict(normal=['conv_5x5_sn', 'identity'])]
        file.write_text(json.dumps(dict(
            schema=1, generator=PUBLISHED['alphagan_l'].plain(),
            discriminator=judge)))
    path = str(FOLDER / f'alphagan-s_{CIFAR}')
    plain = plan(load_config(path))
    document = plan(load_config(path, options(variant.options(Path()))))
    before, after = (d['networks']['generator'] for d in (plain, document))
    if 'DerivedDiscriminator' in variant.words:
        assert document['networks']['discriminator'] != (
            plain['networks']['discriminator'])
    if variant.name == 'random, same size':
        assert after['params'] != before['params']
        assert after['params'] == pytest.approx(before['params'], rel=.1)
    else:
        assert after != before


def test_every_option_of_the_loop_is_described_with_its_default():
    text = (README.parents[2] / 'docs' / 'alphagan.md').read_text()
    table = text.split('## Options of the loop')[1].split('\n## ')[0]
    rows = [line.split('|')[1:3] for line in table.split('\n')
            if line.startswith('| `')]
    described = {name: default for names, default in rows
                 for name in re.findall(r'`(\w+)`', names)}
    given = dict(architecture_dataloader=dict(
        dataset=dict(type='x'), sampler=dict(type='x'), batch_size=1))
    settings = SearchSettings.read(given)
    options = {f.name for f in dataclasses.fields(SearchSettings)}
    assert set(described) == options
    for name in options - set(given) - {'inner_steps', 'worst_steps',
                                        'grow', 'unrolled_lr', 'optimizer'}:
        value = getattr(settings, name)
        shown = f'{value!r}' if isinstance(value, str) else f'{value:g}'
        assert shown in described[name], name
    for operation in (*NORMAL_OPERATIONS.module_dict,
                      *UP_OPERATIONS.module_dict):
        stem = re.sub(r'_\dx\d', '_…', operation)
        assert operation in text or stem in text or (
            operation.endswith('_first')), operation

"""Recipes: what was measured, what the README counts and says to type."""

from __future__ import annotations

import json
import re
import shlex
import statistics
from pathlib import Path

import pytest

from benchmarks.effects import (
    recipes_cyclegan,
    recipes_digits,
    recipes_pix2pix,
)
from benchmarks.effects.arms import written
from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.cli.main import main
from mmgancomp.cli.plan import plan
from tests.configs.test_configs import unscoped
from tests.configs.test_variants import options
from tests.support import runs, taught, tiny
from tests.support.pictures import shortened
from tests.support.variants import variants

pytestmark = tiny.STOCK_WARNINGS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'configs' / 'recipes'
README = (FOLDER / 'README.md').read_text()
ALL = sorted(FOLDER.glob('recipe_*.py'))
DIGITS = FOLDER / 'recipe_sngan-proj_digits-16x16.py'
MEASURED = {
    'sngan-proj_digits-16x16': recipes_digits,
    'pix2pix_vanilla-unet-bn_edges-32x32': recipes_pix2pix,
    'cyclegan_lsgan-resnet-in_textures-32x32': recipes_cyclegan
}
MEASURED_BY = {
    study.__name__.rpartition('.')[2]: study for study in MEASURED.values()
}
FOUND = variants(FOLDER / 'README.md')
PAGE = ROOT / 'docs' / 'recipes.md'
TABLES = re.findall(
    r'^\| `(recipes_\w+)` \| (.+) \|\n\|[ |-]+\|\n((?:\|.+\n)+)',
    PAGE.read_text(), re.MULTILINE)
HALF = {
    'model.generator.plan': None,
    'model.generator.divisor': 2,
    'load_from': None
}

assert len(ALL) >= 8
assert len(FOUND) >= 7


def each(fast):
    return pytest.mark.parametrize('path', [
        pytest.param(
            path,
            id=path.stem,
            marks=() if any(word in path.name for word in fast) else
            pytest.mark.slow) for path in ALL
    ])


def stock_of(path):
    return path.stem.partition('_')[2]


def settings(config):
    """What decides a run, without what is a place in a file system."""
    found = unscoped(config.to_dict())
    for key in 'max_iters', 'folder', 'load_from':  # notes; the last a place
        found.pop(key, None)
    teacher = found['default_hooks']['distillation']['teacher']
    teacher['config'] = Path(teacher['config']).name
    assert Path(teacher.pop('checkpoint')).suffix == '.pth'
    assert Path(found['model']['generator'].pop('plan')).name == 'plan.json'
    return found


@pytest.mark.parametrize('name', MEASURED)
def test_small_recipes_are_those_that_were_measured(name):
    study = MEASURED[name]
    arm, = (a for a in study.ARMS if a.name == study.HALF)
    recipe = load_config(str(FOLDER / f'recipe_{name}.py'))
    measured = written(arm.config, arm.options(Path))
    assert settings(recipe) == settings(measured)
    assert Path(recipe.load_from).name == Path(measured.load_from).name


def test_what_is_masked_too_was_measured():
    study = recipes_digits
    arm, = (a for a in study.ARMS if a.name == study.BOTH)
    variant, = (v for v in FOUND if 'noise2feat' in v.words)
    recipe = load_config(str(DIGITS), options(words(variant)))
    assert settings(recipe) == settings(
        written(arm.config, arm.options(Path)))


@pytest.mark.parametrize('path', ALL, ids=lambda p: p.stem)
def test_the_readme_cuts_what_the_recipe_trains(path):
    """Config, weights and place of the cut are those of the recipe."""
    lines = README.replace(
        '$W/', 'https://download.openmmlab.com/mmediting/').split('\n')
    number = lines.index(f'mmgancomp train configs/recipes/{path.name}')
    command = shlex.split(lines[number - 1])
    config = load_config(str(path))
    teacher = config.default_hooks.distillation.teacher
    folder = f'work_dirs/recipes/{stock_of(path)}'
    assert command == [
        'mmgancomp', 'prune', teacher.config, teacher.checkpoint, '--target',
        'width=0.5', '--out', folder
    ]
    generator = config.model.generator
    assert (generator.plan, config.load_from) == (f'{folder}/plan.json',
                                                  f'{folder}/slim.pth')
    assert unscoped(dict(generator.network)) == unscoped(
        dict(load_config(teacher.config).model.generator))


@each(['digits', 'edges', 'textures', 'sagan'])
def test_counts_of_the_readme(path):
    config = load_config(str(path))
    loss = config.default_hooks.distillation.generator.image.loss_weight
    config.merge_from_dict(HALF)  # a plan of the same widths
    config.default_hooks.distillation = None
    document = plan(config)
    network, = {
        tuple(n[key] for key in ('params_before', 'params', 'macs_before',
                                 'macs_after'))
        for n in document['networks'].values() if n['role'] == 'generator'
    }
    line, = (line for line in README.split('\n') if f']({path.name})' in line)
    promised = [
        int(word.replace(',', ''))
        for cell in line.split('|')[3:7]
        for word in re.findall(r'[\d,]+', cell)
    ]
    assert promised == [
        *network[:2], round(100 * network[3] / network[2]), loss,
        document['iterations']
    ]


def words(variant):
    text = variant.words.replace(
        '$D', 'default_hooks.distillation.generator.image').replace(
            '$S', 'default_hooks.sparsity')
    return shlex.split(text)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The small recipe's teacher, in small, and half of its channels."""
    run = tmp_path_factory.mktemp('recipe')
    prepared(load_config(str(DIGITS)), run)
    return run


def prepared(config, folder):
    """The config with narrow networks, and the files that it starts from."""
    config = taught.teach(config, folder)
    teacher = config.default_hooks.distillation.teacher
    if not (folder / 'slim.pth').is_file():
        cut(teacher.checkpoint, folder,
            taught.narrow(load_config('mmgancomp::demo/'
                                      f'{stock_of(DIGITS)}.py')))
    if config.model.generator.get('plan'):
        config.model.generator.plan = str(folder / 'plan.json')
        config.load_from = str(folder / 'slim.pth')
    return config


def cut(checkpoint, folder, stock):
    """What the README's first command does."""
    path = folder / 'stock.py'
    stock.dump(str(path))
    assert main(['prune', str(path), str(checkpoint), '--target', 'width=0.5',
                 '--out', str(folder)]) == 0


def planned(words, folder):
    return plan(prepared(load_config(str(DIGITS), options(words)), folder))


@pytest.mark.parametrize('variant', FOUND, ids=str)
def test_variant(variant, folder):
    usual, found = planned([], folder), planned(words(variant), folder)
    assert found != usual
    masks = [row for row in found['mechanisms']
             if row['mechanism'] == 'sparsity']
    assert [row['kept'] / row['maskable'] for row in masks] == (
        [pytest.approx(.4, abs=.01)] if '$S' in variant.words else [])
    widths = {name: n['params'] for name, n in found['networks'].items()}
    assert widths == {name: n['params']
                      for name, n in usual['networks'].items()}


@each(['digits'])
def test_the_cut_trains_on_at_full_size(path, tmp_path):
    """One update of the generator, from random weights of the stock model."""
    config = load_config(str(path))
    teacher = config.default_hooks.distillation.teacher
    stock = load_config(teacher.config)
    stock.load_from = None
    teacher.checkpoint = str(taught.weights(stock, tmp_path / 'dense.pth'))
    cut(teacher.checkpoint, tmp_path, stock)
    config.model.generator.plan = str(tmp_path / 'plan.json')
    config.load_from = str(tmp_path / 'slim.pth')
    config = shortened(config, tmp_path)
    config.experiment_name = tmp_path.name
    for wrapper in config.optim_wrapper.values():
        if isinstance(wrapper, dict):
            wrapper.pop('accumulative_counts', None)
    runner = runs.train(config)
    scalars = runner.message_hub.log_scalars
    loss, = (scalars[key] for key in scalars
             if key.startswith('train/distill/image'))
    assert loss.current() > 0
    slim = runs.load(tmp_path / 'slim.pth')['state_dict']
    dense = runs.load(tmp_path / 'dense.pth')['state_dict']
    model = families.base.bare(runner.model)
    for name, network in families.of(model).networks(model).items():
        if network.role == 'generator':
            place, = (key for key, module in model.named_modules()
                      if module is network.module)
            state = network.module.state_dict()
            before = {key: slim[f'{place}.{key}'] for key in state}
            assert any((state[key] != before[key]).any() for key in state)
            numbers, whole = (
                sum(w[f'{place}.{key}'].numel() for key in state)
                for w in (slim, dense))
            assert numbers < .4 * whole, name


@pytest.mark.parametrize('table', TABLES, ids=lambda table: table[0])
def test_figures_of_the_page_are_those_of_the_command(table):
    name, header, lines = table
    study = MEASURED_BY[name].STUDY
    rows = json.loads(results(name).read_text())['rows']
    columns = header.split(' | ')
    found = {}
    for line in lines.strip().split('\n'):
        row, *cells = (cell.strip() for cell in line.strip('|').split('|'))
        found[row] = cells
    assert found == {
        row: [format(statistics.mean(values[column]),
                     study.columns[column].form) for column in columns]
        for row, values in rows.items()
    }


def results(name):
    return ROOT / f'benchmarks/results/effects_{name}.json'


def test_every_comparison_that_has_a_result_is_on_the_page():
    kept = {name for name in MEASURED_BY if results(name).is_file()}
    assert kept
    assert {table[0] for table in TABLES} == kept

"""Every config starts: parsed, listed, planned, and run at its full size."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from mmengine.runner import Runner

import mmgancomp.registry  # noqa: F401
from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.runtime.state import RunState
from mmgancomp.sparsity import MaskedNetwork
from tests.support.pictures import random_images
from tests.support.runs import Watch
from tests.support.tiny import STOCK_WARNINGS

pytestmark = STOCK_WARNINGS

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs'
ALL = sorted(CONFIGS.rglob('*.py'))
METHODS = [path for path in ALL if '_base_' not in path.parts]
MAGNITUDE = [path for path in METHODS if path.parent.name == 'magnitude']
# A plan takes about a second; the others several.
CHEAP = [path for path in MAGNITUDE if 'sngan-proj' in path.name]
PREFIX = 'magnitude_agp-90_'

assert len(MAGNITUDE) >= 7


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """Parametrise by config, slow ones marked."""
    return pytest.mark.parametrize('path', [
        pytest.param(
            path,
            id=path.relative_to(CONFIGS).as_posix(),
            marks=() if path in CHEAP else pytest.mark.slow)
        for path in paths
    ])


def all_of(paths: list[Path]) -> pytest.MarkDecorator:
    """Parametrise by config."""
    return pytest.mark.parametrize(
        'path', paths, ids=lambda p: p.relative_to(CONFIGS).as_posix())


def bases(path: Path) -> list[str]:
    """What a config inherits, as it writes it."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == '_base_':
            found = ast.literal_eval(node.value)
            return [found] if isinstance(found, str) else found
    return []


@all_of(ALL)
def test_parses_with_everything_it_inherits(path):
    for base in bases(path):
        if '::' not in base:
            assert (path.parent / base).is_file()
    load_config(str(path))


@all_of(METHODS)
def test_is_listed_in_metafile_readme_and_index(path):
    folder, name = path.parent, path.relative_to(ROOT).as_posix()
    metafile = yaml.safe_load((folder / 'metafile.yml').read_text())
    entries = [m for m in metafile['Models'] if m['Config'] == name]
    assert [m['Name'] for m in entries] == [path.stem]
    collections = {c['Name']: c for c in metafile['Collections']}
    readme = ROOT / collections[entries[0]['In Collection']]['README']
    assert readme == folder / 'README.md'
    text = readme.read_text()
    if folder.name == 'demo':  # told as a story, by the names of its rows
        assert path.name in text or f'`{path.stem.partition("_")[0]}`' in text
    else:
        assert f']({path.name})' in text
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert (folder / 'metafile.yml').relative_to(ROOT).as_posix() in index


def test_metafiles_list_nothing_that_is_gone():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert sorted(index) == sorted(
        path.relative_to(ROOT).as_posix()
        for path in CONFIGS.rglob('metafile.yml'))
    for name in index:
        for model in yaml.safe_load((ROOT / name).read_text())['Models']:
            assert (ROOT / model['Config']).is_file()


def unscoped(value: Any) -> Any:
    """A config without the scope that MMEngine notes when it inherits."""
    if isinstance(value, dict):
        return {k: unscoped(v) for k, v in value.items() if k != '_scope_'}
    if isinstance(value, (list, tuple)):
        return [unscoped(item) for item in value]
    return value


@all_of(MAGNITUDE)
def test_magnitude_config_is_the_stock_config_with_masks(path):
    inherited, = bases(path)
    stock = inherited.rpartition('/')[2]
    assert path.name == PREFIX + stock
    config = load_config(str(path)).to_dict()
    assert config['default_hooks'].pop('sparsity') == dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.1, schedule=dict(type='AGP'))))
    assert unscoped(config) == unscoped(load_config(inherited).to_dict())


def promised(path: Path) -> list[int]:
    """Kept, maskable, non-zero and all parameters, by the README's table."""
    row, = (line for line in (path.parent / 'README.md').read_text().split(
        '\n') if f']({path.name})' in line)
    counts = [
        int(word.replace(',', ''))
        for cell in row.split('|')[3:5]
        for word in re.findall(r'[\d,]+', cell)
    ]
    assert len(counts) == 4
    return counts


@each(MAGNITUDE)
def test_plan_gives_the_counts_of_the_readme(path):
    document = plan(load_config(str(path)))
    rows = document['mechanisms']
    assert {row['network'] for row in rows} == {
        name
        for name, network in document['networks'].items()
        if network['role'] == 'generator'
    }
    kept, maskable, nonzero, params = promised(path)
    for row in rows:
        assert (row['kept'], row['maskable']) == (kept, maskable)
        network = document['networks'][row['network']]
        assert network['params'] == params
        assert params - maskable + kept == nonzero
        assert row['ticks'][0] == 0
        assert row['ticks'][-1] == round(network['updates'] / 2)


@pytest.mark.slow
@all_of(MAGNITUDE)
def test_starts_and_steps_at_full_size(path, tmp_path):
    """One update of the generator, pruned before it and after it."""
    config = load_config(str(path))
    random_images(config, tmp_path / 'data')
    config.merge_from_dict({
        'work_dir': str(tmp_path / 'run'),
        # Two: BatchNorm wants several, StyleGAN2's path lengths half of it.
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        # As many iterations as one update of the generator needs.
        'train_cfg.max_iters': config.model.get('discriminator_steps', 1),
        'default_hooks.checkpoint.save_last': False,
        'default_hooks.sparsity.networks.generator.schedule': dict(
            end=1, interval=1),
        'custom_hooks': [],
        **{
            f'{part}_{key}': None
            for part in ('val', 'test')
            for key in ('dataloader', 'cfg', 'evaluator')
        }
    })
    watch = Watch()
    runner = Runner.from_cfg(config)
    runner.register_hook(watch)
    runner.train()
    assert not watch.violations
    networks = families.of(runner.model).networks(runner.model)
    generators = [n for n in networks.values() if n.role == 'generator']
    kept, maskable, _, params = promised(path)
    for network in generators:
        masked = MaskedNetwork.of(network.module)
        assert (masked.survivors, masked.maskable) == (kept, maskable)
        assert params == sum(p.numel() for p in network.module.parameters())
        assert RunState.of(runner).updates(network.optimizer).clock == 1
        state = runner.optim_wrapper[network.optimizer].optimizer.state
        assert all(state[w]['step'] == 1 for w in masked.weights.values())
    assert all(MaskedNetwork.of(n.module) is None
               for n in networks.values() if n not in generators)

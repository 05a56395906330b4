"""Each variant of STU-GAN in the README is a plan that comes true."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from tests.configs.test_variants import each, options, plan_of
from tests.support.tiny import STOCK_WARNINGS
from tests.support.variants import Variant, finished_run, small, variants

pytestmark = STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'stu_gan'
ALL = sorted(FOLDER.glob('*.py'))
FOUND = variants(FOLDER / 'README.md')

assert len(ALL) >= 8


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Folders with a dense checkpoint, one per config."""
    made: dict[Path, Path] = {}

    def of(path: Path) -> Path:
        if path not in made:
            config = small(load_config(str(path)))
            made[path] = finished_run(config, tmp_path_factory.mktemp('run'))
            shutil.copy(made[path] / 'snapshots/dense_final.pth',
                        made[path] / 'iter_250240.pth')
        return made[path]

    return of


def planned(path: Path, variant: Variant, run: Path) -> tuple[dict, dict]:
    """Plan of a config in small with a variant, and rows by role."""
    config = load_config(str(path), options(variant.options(run)))
    document = plan(small(config))
    return document, by_role(document)


def by_role(document: dict) -> dict[str, list]:
    """Rows of a plan about generators and about discriminators."""
    roles: dict[str, list] = {'generator': [], 'discriminator': []}
    for row in document['mechanisms']:
        roles[document['networks'][row['network']]['role']].append(row)
    return roles


@each(ALL, 'Variant', FOUND)
def test_variant(path, variant, run):
    if 'digits' in path.name and any(
            f'interval={n}' in variant.words for n in (2000, 5000)):
        with pytest.raises(ConfigError, match='never move'):
            planned(path, variant, run(path))
        return
    document, roles = planned(path, variant, run(path))
    before = by_role(plan_of(path))
    for role, rows in roles.items():
        assert len(rows) == len(before[role]) >= 1
        own = [word.split('=') for word in variant.options(run(path))
               if f'.{role}.' in word]
        wanted = {key.rpartition('.')[2]: value for key, value in own}
        for row in rows:
            assert row['schedule'] == wanted.get('type', wanted.get(
                'schedule', before[role][0]['schedule']))
            density = float(wanted.get('density', before[role][0]['density']))
            by_chance = 'bernoulli' in variant.words
            assert row['kept'] / row['maskable'] == pytest.approx(
                density, abs=0.02 if by_chance else 0.004)
            interval = wanted.get('interval')
            if interval:
                assert row['ticks'][1:3] == [int(interval), 2 * int(interval)]
    if 'AGP' in variant.words:
        for row in roles['generator']:
            assert row['ticks'][0] == pytest.approx(0.1 * row['updates'], 1e-3)
            assert row['ticks'][-1] == pytest.approx(
                0.8 * row['updates'], 1e-3)
    if 'max_iters' in variant.words:
        assert document['iterations'] == 1251200


@each(ALL, 'Variant of the average', FOUND)
def test_variant_of_the_average(path, variant, run):
    if not hasattr(load_config(str(path)).model, 'ema_config'):
        return  # the README says which models have none
    config = load_config(str(path), options(variant.options(run(path))))
    document = plan(small(config))
    assert document['networks']['generator']['ema']


def test_the_average_of_the_configs_is_that_of_the_method():
    models = [load_config(str(path)).model for path in ALL]
    averages = [
        model.ema_config for model in models if model.get('ema_config')
    ]
    assert len(averages) == len(ALL) - 2
    for average in averages:
        assert average.type == 'mmgancomp.SEMA' and average.update_buffers
        assert 'rule' not in average


@each(ALL, 'Variant with momentum', FOUND)
def test_variant_with_momentum(path, variant, run):
    config = load_config(str(path))
    wrapper = config.optim_wrapper
    one = wrapper.get('generator') or wrapper.generators
    if one.optimizer.betas[0] == 0:
        with pytest.raises(ConfigError, match='no average of past gradients'):
            planned(path, variant, run(path))
        return
    _, roles = planned(path, variant, run(path))
    assert roles['generator']

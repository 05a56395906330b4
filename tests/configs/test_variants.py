"""Each line of a README's table of variants is a plan that comes true."""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import pytest

from mmgancomp.cli.common import add_config_options, load_config
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from tests.support.tiny import STOCK_WARNINGS
from tests.support.variants import Variant, finished_run, small, variants

pytestmark = STOCK_WARNINGS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SNGAN = 'sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32'
LTH = CONFIGS / 'gan_lth'
TRANSFER = LTH / 'gan-lth-transfer_sngan_lr2e-4-ndisc5-1xb64_stl10-32x32.py'
TICKETS = sorted(LTH.glob('gan-lth-impg_*.py'))
OF_TICKETS = variants(LTH / 'README.md')

assert len(TICKETS) >= 8


def options(words: list[str]) -> list | None:
    """Words as the command line reads them."""
    if not words:
        return None
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    return parser.parse_args(['--cfg-options', *words]).cfg_options


def planned(path: Path, variant: Variant, run: Path) -> dict:
    """The plan of a config with a variant, in small."""
    config = load_config(str(path), options(variant.options(run)))
    return plan(small(config))


@cache
def plan_of(path: Path) -> dict:
    """The plan of a config as it is, in small."""
    return plan(small(load_config(str(path))))


def rows(document: dict, mechanism: str, role: str = '') -> list[dict]:
    """Rows of a plan about the networks of a role."""
    return [
        row for row in document['mechanisms']
        if row['mechanism'] == mechanism and (not role or document['networks'][
            row['network']]['role'] == role)
    ]


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Finished runs, one per config, made when they are asked for."""
    made: dict[Path, Path] = {}

    def of(path: Path) -> Path:
        if path not in made:
            config = small(load_config(str(path)))
            made[path] = finished_run(config, tmp_path_factory.mktemp('run'))
        return made[path]

    return of


def each(paths: list[Path], table: str,
         found: list[Variant]) -> pytest.MarkDecorator:
    """All variants for each config; all but SNGAN on CIFAR-10 are slow."""
    of_table = [v for v in found if v.table == table]
    assert of_table
    return pytest.mark.parametrize(('path', 'variant'), [
        pytest.param(
            path,
            variant,
            id=f'{path.stem.partition("_")[2]}-{variant}',
            marks=() if SNGAN in path.name or 'stl10-32' in path.name else
            pytest.mark.slow) for path in paths for variant in of_table
    ])


@each(TICKETS, 'Variant', OF_TICKETS)
def test_variant_of_tickets(path, variant, run):
    plain = plan_of(path)
    if 'score_source=ema' in variant.words and not any(
            n['ema'] for n in plain['networks'].values()):
        with pytest.raises(ConfigError, match='keeps no EMA'):
            planned(path, variant, run(path))
        return
    document = planned(path, variant, run(path))
    lottery, = rows(document, 'lottery')
    generators = rows(document, 'sparsity', 'generator')
    assert len(generators) == len(rows(plain, 'sparsity'))
    dense = 'train_cfg.dense' in variant.words
    assert (lottery['dense_iterations'] == 0) is dense
    if 'rounds=1' in variant.words:
        assert lottery['rounds'] == 1
        for row in generators:
            share = 0.3 if 'Fixed' in variant.words else 0.32768
            assert row['kept'] / row['maskable'] == pytest.approx(
                share, abs=0.002)
    else:
        assert lottery['rounds'] == rows(plain, 'lottery')[0]['rounds']
        for row in generators:
            assert len(row['kept_by_round']) == lottery['rounds']
    # A line that changes nothing would be no variant.
    assert document != plain or 'seed' in variant.words or (
        'score_source' in variant.words)


def test_transfer_plans_with_the_ticket(run):
    source = run(LTH / f'gan-lth-impg_{SNGAN}.py')
    config = load_config(str(TRANSFER))
    schedule = config.default_hooks.sparsity.networks.generator.schedule
    folder = f'work_dirs/gan-lth-impg_{SNGAN}/'
    assert schedule.ticket == f'{folder}round_05/ticket.safetensors'
    assert config.load_from == f'{folder}snapshots/theta0.pth'
    schedule.ticket = str(source / 'round_05/ticket.safetensors')
    config.load_from = str(source / 'snapshots/theta0.pth')
    document = plan(small(config))
    row, = document['mechanisms']
    assert row['kept'] == round(row['maskable'] * 0.3)
    assert document['networks']['generator']['updates'] == 10000


@each([TRANSFER], 'Variant of the transfer', OF_TICKETS)
def test_variant_of_the_transfer(path, variant, run):
    source = run(LTH / f'gan-lth-impg_{SNGAN}.py')
    # What the line does not name is where the config says.
    words = variant.options(source)
    given = [word.partition('=')[0] for word in words]
    ticket = 'default_hooks.sparsity.networks.generator.schedule.ticket'
    for key, file in ((ticket, 'round_05/ticket.safetensors'),
                      ('load_from', 'snapshots/theta0.pth')):
        if key not in given and 'default_hooks.sparsity' not in given:
            words.append(f'{key}={source / file}')
    document = plan(small(load_config(str(path), options(words))))
    masked = {row['network'] for row in document['mechanisms']}
    assert masked == (
        {'generator', 'discriminator'} if 'discriminator' in variant.words else
        set() if 'sparsity=None' in variant.words else {'generator'})

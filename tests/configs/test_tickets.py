"""The configs of GAN-LTH at their full size: counts, and a first round."""

from __future__ import annotations

import gc
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from mmagic.registry import DATASETS
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.runtime.record import read_record
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.ticket import read_ticket
from tests.support.pages import blocks
from tests.support.pictures import shortened
from tests.support.runs import Watch
from tests.support.tiny import STOCK_WARNINGS
from tests.support.variants import finished_run

pytestmark = STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'gan_lth'
README = FOLDER / 'README.md'
ROUNDS = sorted(FOLDER.glob('gan-lth-impg_*.py'))
TRANSFER, = FOLDER.glob('gan-lth-transfer_*.py')
CHEAP = ('digits', 'sngan_lr2e-4-ndisc5-1xb64_cifar10')


@pytest.fixture(autouse=True)
def nothing_left():
    """Full-size models go at once, not when Python next looks for cycles."""
    yield
    gc.collect()

# The paper's networks: kept after rounds 1 to 10.
PUBLISHED = {
    3742464: [
        2993971, 2395177, 1916142, 1532914, 1226331, 981065, 784852, 627882,
        502306, 401845
    ],
    11372928: [
        9098342, 7278674, 5822939, 4658351, 3726681, 2981345, 2385076, 1908061,
        1526449, 1221159
    ],
}


def counts(path: Path) -> list[int | None]:
    """Maskable, and kept after rounds 5 and 10, by the README's table."""
    row, = (line for line in README.read_text().split('\n')
            if f']({path.name})' in line)
    return [
        None if cell.strip() == '–' else int(cell.replace(',', ''))
        for cell in row.split('|')[3:6]
    ]


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """Parametrise by config, slow ones marked."""
    return pytest.mark.parametrize('path', [
        pytest.param(
            path, id=path.stem,
            marks=() if any(cheap in path.name for cheap in CHEAP) else
            pytest.mark.slow) for path in paths
    ])


@each(ROUNDS)
def test_rounds_keep_what_readme_and_paper_say(path):
    document = plan(load_config(str(path)))
    pruned = [r for r in document['mechanisms'] if 'kept_by_round' in r]
    assert {row['network'] for row in pruned} == {
        name
        for name, network in document['networks'].items()
        if network['role'] == 'generator'
    }
    maskable, fifth, tenth = counts(path)
    for row in pruned:
        kept = [maskable]
        for _ in row['kept_by_round']:
            # A fifth of what is left, halves to even.
            kept.append(kept[-1] - round(Fraction(kept[-1], 5)))
        assert row['maskable'] == maskable
        assert row['kept_by_round'] == kept[1:]
        assert row['kept_by_round'] == PUBLISHED.get(maskable, kept[1:])
        assert kept[5::5] == [n for n in (fifth, tenth) if n is not None]
    lottery, = (r for r in document['mechanisms']
                if r['mechanism'] == 'lottery')
    assert lottery['rounds'] == (10 if tenth else 5)
    assert set(lottery['rewind'].values()) == {'theta0'}


def test_the_papers_networks_are_among_them():
    assert set(PUBLISHED) <= {counts(path)[0] for path in ROUNDS}


@pytest.mark.slow
@pytest.mark.parametrize('path', ROUNDS, ids=lambda p: p.stem)
def test_a_round_at_full_size(path, tmp_path):
    """Dense, then the first round: both take a step, the second is sparse."""
    config = shortened(load_config(str(path)), tmp_path)
    config.train_cfg.rounds = 1
    watch = Watch()
    runner = Runner.from_cfg(config)
    runner.register_hook(watch)
    runner.train()
    assert not watch.violations
    maskable = counts(path)[0]
    kept = maskable - round(Fraction(maskable, 5))
    networks = families.of(runner.model).networks(runner.model)
    run = tmp_path / 'run'
    theta0 = torch.load(run / 'snapshots/theta0.pth', weights_only=True)
    for name, network in networks.items():
        masked = MaskedNetwork.of(network.module)
        if network.role == 'discriminator':
            assert masked is None
            continue
        assert (masked.maskable, masked.survivors) == (maskable, kept)
        ticket = read_ticket(run / 'round_01/ticket.safetensors', name)
        key, mask = next(iter(ticket.masks.items()))
        first = theta0['state_dict'][f'{name}.{key}']
        assert torch.equal(ticket.state[key], first * mask)
        now = network.module.get_parameter(key).detach()
        assert not torch.equal(now, ticket.state[key])
    assert [model['round'] for model in read_record(run)['models']] == [0, 1]


@pytest.mark.slow
def test_the_transfer_at_full_size(tmp_path):
    source, = (p for p in ROUNDS if p.stem.partition('_')[2]
               == 'sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32')
    found = finished_run(load_config(str(source)), tmp_path / 'source')
    config = shortened(load_config(str(TRANSFER)), tmp_path)
    ticket = str(found / 'round_05/ticket.safetensors')
    config.merge_from_dict({
        'load_from': str(found / 'snapshots/theta0.pth'),
        'default_hooks.sparsity.networks.generator.schedule.ticket': ticket
    })
    watch = Watch()
    runner = Runner.from_cfg(config)
    runner.register_hook(watch)
    runner.train()
    assert not watch.violations
    network = families.of(runner.model).networks(runner.model)['generator']
    masks = read_ticket(ticket, 'generator').masks
    masked = MaskedNetwork.of(network.module)
    assert all(torch.equal(masked.masks[k], m) for k, m in masks.items())


def test_stl10_lands_where_the_configs_read_it(tmp_path, monkeypatch):
    """The README's script, with a stand-in for the download."""
    class Stand:

        def __init__(self, root, split, download):
            assert (root, download) == ('data', True)
            self.data = np.full((2, 3, 96, 96), len(split), np.uint8)
            self.data[:, 0] = 200  # red

    monkeypatch.setattr(torchvision.datasets, 'STL10', Stand)
    monkeypatch.chdir(tmp_path)
    script, = blocks(README, 'py')
    exec(compile(script.text, 'README.md', 'exec'), {})
    for size, path in ((32, TRANSFER), (48, next(
            p for p in ROUNDS if 'stl10' in p.name))):
        config = load_config(str(path))
        for part in ('train', 'val', 'test'):
            dataset = config[f'{part}_dataloader'].dataset
            assert re.search('^data/', dataset.data_root)
            with DefaultScope.overwrite_default_scope('mmagic'):
                built = DATASETS.build(dataset)
            assert len(built) == 4
            image = built[0]['data_samples'].gt_img
            assert image.shape == (3, size, size)
            # Blue, green, red, as MMagic reads files.
            assert image[:, 0, 0].tolist() == [5, 5, 200]

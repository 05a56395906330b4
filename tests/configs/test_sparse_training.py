"""The configs of STU-GAN at their full size: counts, and first updates."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.sparsity import MaskedNetwork
from tests.support.pictures import shortened
from tests.support.tiny import STOCK_WARNINGS

pytestmark = STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'stu_gan'
ALL = sorted(FOLDER.glob('*.py'))
CHEAP = ('digits', 'sngan_lr2e-4-ndisc5-1xb64_cifar10')


@pytest.fixture(autouse=True)
def nothing_left():
    """Full-size models go at once, not when Python next looks for cycles."""
    yield
    gc.collect()


def promised(path: Path) -> tuple[dict[str, list[int]], int]:
    """Kept and maskable of each role, and changes of masks, by the README."""
    row, = (line for line in (FOLDER / 'README.md').read_text().split('\n')
            if f']({path.name})' in line)
    cells = [[
        int(word.replace(',', '')) for word in re.findall(r'\d[\d,]*', cell)
    ] for cell in row.split('|')[3:6]]
    return dict(generator=cells[0], discriminator=cells[1]), cells[2][0]


@pytest.mark.parametrize('path', [
    pytest.param(
        path, id=path.stem,
        marks=() if any(cheap in path.name for cheap in CHEAP) else
        pytest.mark.slow) for path in ALL
])
def test_plan_gives_the_counts_of_the_readme(path):
    document = plan(load_config(str(path)))
    counts, changes = promised(path)
    rows = document['mechanisms']
    assert {row['network'] for row in rows} == set(document['networks'])
    # The names say what is kept: g10-d50.
    shares = dict(zip(('generator', 'discriminator'),
                      map(int, re.findall(r'[gd](\d+)', path.name.split(
                          '_')[0])), strict=True))
    for row in rows:
        role = document['networks'][row['network']]['role']
        assert [row['kept'], row['maskable']] == counts[role]
        assert row['kept'] / row['maskable'] == pytest.approx(
            shares[role] / 100, abs=1e-4)
        assert (row['criterion'], row['allocation']) == ('Random', 'ERK')
        assert len(row['ticks']) == 1 + (changes if role == 'generator' else 0)


class Masks(Hook):
    """Masks of all networks before training and after each iteration."""

    priority = 'LOW'

    def __init__(self) -> None:
        self.seen: list[dict[str, dict]] = []

    def _look(self, runner: Runner) -> None:
        networks = families.of(runner.model).networks(runner.model)
        found = {}
        for name, network in networks.items():
            masked = MaskedNetwork.of(network.module)
            found[name] = {k: m.clone() for k, m in masked.masks.items()}
            for module in {network.module, network.ema or network.module}:
                assert all(
                    not module.get_parameter(key).detach()[~mask].any()
                    for key, mask in masked.masks.items())
        self.seen.append(found)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not self.seen:
            self._look(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self._look(runner)


@pytest.mark.slow
@pytest.mark.parametrize('path', ALL, ids=lambda p: p.stem)
def test_first_updates_at_full_size(path, tmp_path):
    """Sparse from before the first step; G's masks move, D's stay."""
    config = shortened(load_config(str(path)), tmp_path, updates=2)
    config.merge_from_dict({
        'default_hooks.sparsity.networks.generator.schedule.interval': 1})
    watch = Masks()
    runner = Runner.from_cfg(config)
    runner.register_hook(watch)
    runner.train()
    counts, _ = promised(path)
    networks = families.of(runner.model).networks(runner.model)
    first, last = watch.seen[0], watch.seen[-1]
    for name, network in networks.items():
        kept, maskable = counts[network.role]
        for found in watch.seen:
            masks = found[name].values()
            assert sum(mask.numel() for mask in masks) == maskable
            assert sum(int(mask.sum()) for mask in masks) == kept
        moved = [not torch.equal(first[name][key], last[name][key])
                 for key in first[name]]
        assert any(moved) is (network.role == 'generator')
        for key in first[name]:
            assert int(first[name][key].sum()) == int(last[name][key].sum())

"""Channel pruning: what the README counts, its variants, a small run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mmengine import Config

from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from tests.support import runs, tiny
from tests.support.pictures import shortened
from tests.support.variants import variants

pytestmark = tiny.STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'channel_pruning'
README = (FOLDER / 'README.md').read_text()
FADE = sorted(FOLDER.glob('channel-pruning_fade-50_*.py'))
SLIM = sorted(FOLDER.glob('channel-pruning_slim_*.py'))
DIGITS = 'sngan-proj_digits-16x16.py'
FAST = ('digits', 'sagan')
FOUND = variants(FOLDER / 'README.md')

assert len(FADE) == len(SLIM) >= 7
assert len(FOUND) >= 9


def each(paths):
    return pytest.mark.parametrize('path', [
        pytest.param(
            path,
            id=path.stem,
            marks=() if any(word in path.name for word in FAST) else
            pytest.mark.slow) for path in paths
    ])


def without_weights(path, options=None):
    """Weights of others, or of earlier runs, are not looked for."""
    config = load_config(str(path), options)
    config.load_from = None
    return config


@each(FADE)
def test_counts_are_those_of_the_readme(path):
    document = plan(without_weights(path))
    row, = document['mechanisms']
    line, = (line for line in README.split('\n') if f']({path.name})' in line)
    promised = [
        int(word.replace(',', ''))
        for cell in line.split('|')[3:6]
        for word in re.findall(r'[\d,]+', cell)
    ]
    groups = row['groups'].values()
    channels = sum(g['channels'] for g in groups)
    assert promised == [
        *row['params_before_after'],
        channels - sum(g['kept'] for g in groups), channels,
        document['iterations']
    ]
    assert row['params_before_after'][1] <= .5 * row['params_before_after'][0]


@pytest.mark.parametrize('variant', FOUND, ids=str)
def test_variants_plan(variant):
    words = variant.words.replace(
        '$K', 'default_hooks.channel_kill.networks').split()
    path = FOLDER / f'channel-pruning_fade-50_{DIGITS}'
    usual = plan(without_weights(path))['mechanisms']
    found = plan(without_weights(path, words))['mechanisms']
    assert found
    # What a ranking changes shows only in which channels stay; and half of
    # these parameters, counted in eights, is half of every width.
    if not re.search('criterion|target=width', variant.words):
        assert found != usual


@pytest.mark.parametrize('path', SLIM, ids=lambda p: p.stem)
def test_the_second_run_takes_what_the_first_writes(path):
    fade = FOLDER / path.name.replace('_slim_', '_fade-50_')
    config = load_config(str(path))
    work_dir = f'work_dirs/{fade.stem}'
    assert config.load_from == f'{work_dir}/slim.pth'
    assert config.model.generator.plan == f'{work_dir}/plan.json'
    assert dict(config.model.generator.network) == dict(
        load_config(str(fade)).model.generator)


def test_both_small_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = dict(
        train_cfg=dict(max_iters=4, val_interval=4),
        train_dataloader=dict(batch_size=4, num_workers=0,
                              persistent_workers=False),
        **dict.fromkeys(
            f'{part}_{key}' for part in ('val', 'test')
            for key in ('dataloader', 'cfg', 'evaluator')))

    def run(kind, **entries):
        config = without_weights(
            FOLDER / f'channel-pruning_{kind}_{DIGITS}')
        config.merge_from_dict(short)
        config.work_dir = f'work_dirs/channel-pruning_{kind}_{DIGITS[:-3]}'
        for key, value in entries.items():
            config[key] = value
        return runs.train(Config(config.to_dict()))

    run('fade-50')
    written = Path(f'work_dirs/channel-pruning_fade-50_{DIGITS[:-3]}')
    slim = load_config(str(FOLDER / f'channel-pruning_slim_{DIGITS}'))
    assert Path(slim.load_from).is_file()
    runner = run('slim', load_from=slim.load_from)
    assert runner.iter == 4
    kept = runs.load(written / 'slim.pth')['state_dict']
    shapes = {k: v.shape for k, v in runner.model.state_dict().items()}
    assert {k: v.shape for k, v in kept.items()} == shapes


@pytest.mark.slow
@pytest.mark.parametrize('path', FADE, ids=lambda p: p.stem)
def test_starts_and_steps_at_full_size(path, tmp_path):
    """One update of each of the two runs; the second has the plan's size."""
    config = shortened(without_weights(path), tmp_path)
    for wrapper in config.optim_wrapper.values():
        if isinstance(wrapper, dict):
            wrapper.pop('accumulative_counts', None)
    config.default_hooks.channel_kill.networks.generator.update(
        begin='start', end=1)
    runs.train(config)
    run = tmp_path / 'run'
    slim = load_config(str(FOLDER / path.name.replace('fade-50', 'slim')))
    shortened(slim, tmp_path / 'slim')
    slim.optim_wrapper = config.optim_wrapper
    slim.model.generator.plan = str(run / 'plan.json')
    slim.load_from = str(run / 'slim.pth')
    runner = runs.train(slim)
    before = runs.load(run / 'slim.pth')['state_dict']
    after = runner.model.state_dict()
    assert {k: v.shape for k, v in before.items()} == {
        k: v.shape for k, v in after.items()}
    weights = [k for k in after if k.startswith('generator')
               and k.endswith(('weight', 'weight_orig'))
               and 'generator_ema' not in k]
    assert any(not after[k].equal(before[k]) for k in weights)
    line, = (line for line in README.split('\n') if f']({path.name})' in line)
    promised = int(re.findall(r'[\d,]+', line.split('|')[3])[1]
                   .replace(',', ''))
    bare = families.bare(runner.model)
    networks = families.of(bare).networks(bare)
    assert {sum(p.numel() for p in n.module.parameters())
            for n in networks.values() if n.role == 'generator'} == {promised}

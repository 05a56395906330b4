"""PPCD-GAN's configs plan, step, and each line of its table is a plan."""

import json
import re
from pathlib import Path

import pytest

from mmgancomp.cli import plan as plan_command
from mmgancomp.cli.common import load_config
from mmgancomp.cli.main import main
from mmgancomp.cli.plan import plan
from mmgancomp.runtime.record import read_record
from tests.configs.test_variants import options
from tests.support import gated, runs, taught
from tests.support.pictures import shortened
from tests.support.tiny import STOCK_WARNINGS
from tests.support.variants import variants

pytestmark = STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'ppcd_gan'
ALL = sorted(FOLDER.glob('*.py'))
DIGITS, = FOLDER.glob('*digits*')
SAGAN, = FOLDER.glob('*sagan*')
FOUND = variants(FOLDER / 'README.md')
GATES = dict(sagan=10, cyclegan=22, pix2pix=15, stylegan2=13, sngan=4,
             srgan=35)

assert len(ALL) == 6 and len(FOUND) >= 14


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('teachers')


def rows(document, mechanism):
    return [row for row in document['mechanisms']
            if row['mechanism'] == mechanism]


def gates_of(path):
    return next(n for kind, n in GATES.items() if f'_{kind}' in path.name)


def of_readme(path):
    row, = (line for line in (FOLDER / 'README.md').read_text().split('\n')
            if f']({path.name})' in line)
    return [
        [int(n.replace(',', '')) for n in re.findall(r'\d[\d,]*', cell)]
        for cell in row.split('|')[4:7]
    ]


@pytest.mark.parametrize('path', [
    pytest.param(p, id=p.stem[12:21],
                 marks=() if p in (DIGITS, SAGAN) else pytest.mark.slow)
    for p in ALL
])
def test_plan(path, folder):
    config = taught.teach(load_config(str(path)), folder)
    if 'stylegan2' in path.name:
        # The small one ends at 16 pixels.
        attention = config.default_hooks.distillation.generator.attention
        assert attention.layers == ['16px', '32px', '64px', '128px']
        attention.layers = ['8px', '16px']
    elif '_srgan' in path.name:
        # The small one has one block.
        attention = config.default_hooks.distillation.generator.attention
        attention.layers = ['block1']
    document = plan(config)
    found = rows(document, 'gates')
    small = dict(stylegan2=5, srgan=5)
    assert {row['gates'] for row in found} == {
        next((n for kind, n in small.items() if f'_{kind}' in path.name),
             gates_of(path))}
    assert {row['alpha'] for row in found} == {.7 if path == SAGAN else .5}
    term, = (r for r in rows(document, 'distillation') if 'term' in r)
    assert term['type'] == 'AttentionMapLoss' and term['weight'] == 1
    assert term['teacher_norm'] == (
        'next' if path in (DIGITS, SAGAN) else 'none')
    total = max(n['updates'] for n in document['networks'].values()
                if n['role'] == 'generator')
    assert all(row['first_freeze'] < total / 2 for row in found)


def test_the_command_shows_it(folder, capsys, monkeypatch):
    config = taught.teach(load_config(str(DIGITS)), folder)
    monkeypatch.setattr(plan_command, 'load_config', lambda *_: config)
    assert main(['plan', str(DIGITS)]) == 0
    shown = capsys.readouterr().out
    assert 'AttentionMapLoss by teacher' in shown
    assert re.search(r'\n  generator\.\S+ → \S+\n', shown)
    assert 'has 4 gates on ' in shown and ' parameters in stock' in shown


@pytest.mark.slow
@pytest.mark.parametrize('path', ALL, ids=lambda p: p.stem)
def test_numbers_of_the_readme(path):
    config = load_config(str(path))
    config.default_hooks.distillation = None
    if 'perceptual_loss' in config.model:
        config.model.perceptual_loss = None
    gates, (stock, student), first = of_readme(path)
    document = plan(config)
    row = rows(document, 'gates')[0]
    assert [row['gates']] == gates and [row['first_freeze']] == first
    network = document['networks'][row['network']]
    assert network['params'] == student + row['channels']
    assert network['params_before'] == stock
    config.model.generator.gated = False
    config.default_hooks.gates = None
    assert plan(config)['networks'][row['network']]['params'] == stock


@pytest.mark.slow
@pytest.mark.parametrize('path', ALL, ids=lambda p: p.stem)
def test_starts_steps_and_ends_slim_at_full_size(path, tmp_path):
    """One update in which the numbers of the gates fall by a half."""
    config = taught.at_full_size(shortened(load_config(str(path)), tmp_path),
                                 tmp_path)
    (count, ), (_, student), _ = of_readme(path)
    gates = config.default_hooks.gates
    gates.optimizer = dict(type='SGD', lr=.5 * count / .01)
    diary = gated.Diary()
    runner = runs.train(config, diary)
    assert (diary.frozen[0], diary.frozen[-1]) == (
        0, count * len(gated.generators(runner)))
    assert diary.weights[0] == pytest.approx(.505, abs=.001)
    run = tmp_path / 'run'
    entries = read_record(run)['models'][-1]['networks']
    found = [e for e in entries.values() if 'gates' in e]
    for entry in found:
        kept, whole = (sum(g[key] for g in entry['gates'])
                       for key in ('kept', 'channels'))
        # They begin evenly spread from 0.01 to 1.
        assert .45 < kept / whole < .55
        # The last update has frozen them all.
        assert entry['without_gates']['forced'] == 0
        assert entry['without_gates']['difference'] < 1e-3
        assert entry['without_gates']['params'] < student
    kept = json.loads((run / 'plan.json').read_text())['networks']
    assert len(kept['generator']) <= count
    slim = gated.slim_model(run)
    # Those of CycleGAN are named by their domains.
    network = (slim.generator if hasattr(slim, 'generator') else
               next(iter(slim.generators.values())))
    size = sum(weight.numel() for weight in network.parameters())
    assert size == found[0]['without_gates']['params']


def of_table(variant, path):
    return pytest.param(
        path, variant, id=f'{path.stem[12:17]}-{variant}',
        marks=() if path == DIGITS else pytest.mark.slow)


@pytest.mark.parametrize('path, variant', [
    of_table(v, p) for p in (DIGITS, SAGAN) for v in FOUND
])
def test_variant(path, variant, folder):
    config = load_config(str(path), options(variant.options(folder)))
    document = plan(taught.teach(config, folder))
    plain = plan(taught.teach(load_config(str(path)), folder))
    own = .7 if path == SAGAN else .5
    assert document != plain or 'seed' in variant.words or (
        f'alpha={own:g}' in variant.words)
    found = rows(document, 'gates')
    assert bool(found) is ('$G=None' not in variant.words)
    assert bool(rows(document, 'distillation')) is (
        '$D=None' not in variant.words)
    alpha = re.search(r'alpha=(\S+)', variant.words)
    if alpha:
        assert found[0]['alpha'] == float(alpha[1])
    if 'begin' in variant.words:
        total = document['networks']['generator']['updates']
        term, = (r for r in rows(document, 'distillation') if 'term' in r)
        assert found[0]['until'] == term['begin'] == total // 2

"""PPCD-GAN's configs plan, and each line of its table is a plan."""

import re
from pathlib import Path

import pytest

from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from tests.configs.test_variants import options
from tests.support import taught
from tests.support.tiny import STOCK_WARNINGS
from tests.support.variants import variants

pytestmark = STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'ppcd_gan'
ALL = sorted(FOLDER.glob('*.py'))
DIGITS, = FOLDER.glob('*digits*')
SAGAN, = FOLDER.glob('*sagan*')
FOUND = variants(FOLDER / 'README.md')
GATES = dict(sagan=10, cyclegan=22, pix2pix=15, stylegan2=13, sngan=4)

assert len(ALL) == 5 and len(FOUND) >= 14


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
    document = plan(config)
    found = rows(document, 'gates')
    assert {row['gates'] for row in found} == {
        5 if 'stylegan2' in path.name else gates_of(path)}
    assert {row['alpha'] for row in found} == {.7 if path == SAGAN else .5}
    term, = (r for r in rows(document, 'distillation') if 'term' in r)
    assert term['type'] == 'AttentionMapLoss' and term['weight'] == 1
    assert term['teacher_norm'] == (
        'next' if path in (DIGITS, SAGAN) else 'none')
    total = max(n['updates'] for n in document['networks'].values()
                if n['role'] == 'generator')
    assert all(row['first_freeze'] < total / 2 for row in found)


@pytest.mark.slow
@pytest.mark.parametrize('path', ALL, ids=lambda p: p.stem)
def test_numbers_of_the_readme(path):
    config = load_config(str(path))
    config.default_hooks.distillation = None
    gates, (stock, student), first = of_readme(path)
    document = plan(config)
    row = rows(document, 'gates')[0]
    assert [row['gates']] == gates and [row['first_freeze']] == first
    network = document['networks'][row['network']]
    assert network['params'] == student + row['channels']
    config.model.generator.gated = False
    config.default_hooks.gates = None
    assert plan(config)['networks'][row['network']]['params'] == stock


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

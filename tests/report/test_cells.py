"""A search in the report: its curves, and the cells that it found."""

from __future__ import annotations

import json

import pytest

from mmgancomp.errors import MMGanCompError
from mmgancomp.report import write_report
from mmgancomp.report.load import load_runs
from mmgancomp.search import PUBLISHED
from tests.report.test_page import Page

JUDGE = [dict(lift=['conv_3x3_first'], normal=['none']),
         dict(normal=['identity', 'conv_5x5_sn'])]


def record(folder, **more):
    """The record of a search of two epochs."""
    search = dict(genotype=PUBLISHED['alphagan_s'].plain(),
                  gap=[[1, 1.5], [2, 0.5]], entropy=[[1, 1.4], [2, 1.3]])
    networks = dict(
        generator=dict(params=10, nonzero=10, search=search | more),
        discriminator=dict(params=5, nonzero=5,
                           search=dict(search, genotype=JUDGE)))
    (folder / 'compression.json').write_text(json.dumps(dict(
        schema=1, config='s.py', run=dict(seed=0),
        models=[dict(name='s', networks=networks)])))
    return folder


def test_cells_are_drawn_with_all_their_edges(tmp_path):
    page = Page(write_report([record(tmp_path)]).read_text())
    words = page.words
    for number in (1, 2, 3):
        assert f'generator, cell {number}' in words
    assert 'discriminator, cell 2' in words
    # Each edge is a box: two up, three normal, none to two skips.
    boxes = sum(len(names) for cell in PUBLISHED['alphagan_s'].cells
                for names in cell.values())
    judged = sum(len(n) for c in JUDGE for n in c.values()) + len(JUDGE)
    assert page.tags.count('rect') >= boxes + judged
    for name in ('sep_conv_5x5', 'deconv ×4', 'bilinear ×2', 'identity'):
        assert name in words


def test_curves_of_a_search(tmp_path):
    curves = load_runs([record(tmp_path)])[0].curves
    assert curves['search/duality gap'].points == [(1, 1.5), (2, .5)]
    assert curves['search/entropy of the generator'].clock == 'epoch'
    assert 'search/entropy of the discriminator' in curves


def test_a_run_without_search_has_no_cells(tmp_path):
    record(tmp_path)
    path = tmp_path / 'compression.json'
    content = json.loads(path.read_text())
    for network in content['models'][0]['networks'].values():
        del network['search']
    path.write_text(json.dumps(content))
    assert 'Cells' not in write_report([tmp_path]).read_text()


def test_a_damaged_search_names_its_key(tmp_path):
    with pytest.raises(MMGanCompError, match=r'generator.search.gap'):
        load_runs([record(tmp_path, gap=[[1]])])

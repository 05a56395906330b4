"""Masks × families × {plain, accumulation, AMP, resume, two processes}.

The fast suite runs a covering array: every legal pair of levels occurs in
some cell. The slow suite runs the whole product and keeps its table.
"""

from dataclasses import replace

import pytest

from tests.support import matrix, ranks, tiny
from tests.support.cells import Case, covering, levels, product

ARRAY = covering()
ALONE = [case for case in ARRAY if case.condition != 'two processes']
TOGETHER = [case for case in ARRAY if case.condition == 'two processes']
ONE_EACH = {(case.schedule, case.condition): case for case in ALONE}


def test_the_array_covers_every_pair_that_is_legal():
    def pairs(cases):
        return {((a, x), (b, y))
                for case in cases
                for a, x in vars(case).items()
                for b, y in vars(case).items() if a < b}

    assert pairs(ARRAY) == pairs(product())
    assert {case.family for case in ARRAY} == set(levels()['family'])


@pytest.mark.parametrize('case', ALONE, ids=str)
def test_masks_act(case, tmp_path):
    runner, watch = matrix.run_cell(case, tmp_path)
    assert matrix.judge(case, runner, watch) == []


@pytest.mark.slow
@pytest.mark.parametrize('case', list(ONE_EACH.values()), ids=str)
def test_masks_act_on_what_a_search_has_found(case, tmp_path):
    case = replace(case, family=tiny.FOUND)
    runner, watch = matrix.run_cell(case, tmp_path)
    assert matrix.judge(case, runner, watch) == []


@pytest.mark.parametrize('family', tiny.FAMILIES)
def test_the_judge_finds_masks_that_are_switched_off(family, tmp_path):
    case = Case(family, 'OneShot', 'magnitude', 'global', 'element', 'plain')
    runner, watch = matrix.run_cell(case, tmp_path, masks=False)
    faults = matrix.judge(case, runner, watch)
    assert any('has no masks' in fault for fault in faults)


def test_the_judge_finds_a_weight_that_comes_back(tmp_path, monkeypatch):
    from mmgancomp.sparsity import MaskedNetwork
    case = Case('biggan', 'OneShot', 'magnitude', 'global', 'element', 'plain')
    for method in ('mask_gradients_', 'apply_', 'apply_to_'):
        monkeypatch.setattr(MaskedNetwork, method, lambda *a, **k: None)
    runner, watch = matrix.run_cell(case, tmp_path)
    faults = ' '.join(matrix.judge(case, runner, watch))
    assert 'weight' in faults
    assert 'EMA' in faults
    assert 'moment' in faults


@pytest.fixture(scope='session')
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    return ranks.results(ranks.start(TOGETHER, folder), folder)


@pytest.mark.parametrize('case', TOGETHER, ids=str)
def test_two_processes_agree_after_every_update(case, two_processes):
    assert two_processes[str(case)] == []

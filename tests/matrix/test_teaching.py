"""A teacher's terms × families × {plain, accumulation, AMP, resume}.

The fast suite runs all terms at once in every family, a condition each; the
slow one each term alone in every family.
"""

import pytest

from tests.support import lessons, ranks, teaching, tiny
from tests.support.lessons import Lesson

pytestmark = tiny.STOCK_WARNINGS


@pytest.mark.parametrize('lesson', lessons.lessons(together=True), ids=str)
def test_all_terms_teach(lesson, tmp_path):
    runner, eye = lessons.run(lesson, tmp_path)
    assert lessons.judge(lesson, runner, eye) == []


@pytest.mark.slow
@pytest.mark.parametrize('lesson', lessons.lessons(together=False), ids=str)
def test_each_term_teaches(lesson, tmp_path):
    runner, eye = lessons.run(lesson, tmp_path)
    assert lessons.judge(lesson, runner, eye) == []


@pytest.mark.slow
@pytest.mark.parametrize('condition', lessons.CONDITIONS)
@pytest.mark.parametrize('family', tiny.FAMILIES)
def test_all_terms_teach_under_every_condition(family, condition, tmp_path):
    lesson = Lesson(family, 'all', condition)
    runner, eye = lessons.run(lesson, tmp_path)
    assert lessons.judge(lesson, runner, eye) == []


def test_the_judge_finds_terms_that_are_switched_off(tmp_path):
    lesson = Lesson('dcgan', 'all', 'plain')
    runner, eye = lessons.run(lesson, tmp_path, weight=0.)
    faults = lessons.judge(lesson, runner, eye)
    for term in lessons.terms():
        name, place = term.split()
        assert f'{name} of the {place} was called 0 times' in faults
        assert f'{name} of the {place} is not in the log' in faults


TOGETHER = [Lesson(family, 'all', 'two processes')
            for family in tiny.FAMILIES] + [
                Lesson(family, 'TeacherJudges', 'two processes')
                for family in ('biggan', 'dcgan', 'pix2pix')
            ] + [
                # In place of the stock loss: what DDP has seen is not used.
                Lesson(family, 'NormalisedConsistencyLoss discriminator',
                       'two processes')
                for family in ('biggan', 'cyclegan', 'srgan')
            ]


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    for family in tiny.FAMILIES:
        # Made here: they are trained, and their SyncBN wants no processes.
        teaching.teacher_of(family, folder, wider=True)
    started = ranks.start(TOGETHER, folder, 'tests.support.lesson_ranks')
    return ranks.results(started, folder, 1800)


@pytest.mark.slow
@pytest.mark.parametrize('lesson', TOGETHER, ids=str)
def test_two_processes_agree_after_every_update(lesson, two_processes):
    """Students, connectors, and a teacher that trains, bit by bit."""
    assert two_processes[str(lesson)] == []

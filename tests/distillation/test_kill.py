"""A killed run with a teacher goes on as if nothing had been."""

from pathlib import Path

import pytest

from tests.support import kill, runs, teaching

ITERATIONS, POINT = 10, 5


@pytest.mark.slow
@pytest.mark.parametrize('family', ['stylegan2', 'biggan', 'cyclegan'])
def test_killed_and_resumed_is_bit_equal(family, tmp_path):
    layers = ['8px'] if family == 'stylegan2' else ['block1']
    config = teaching.distilling(
        family,
        tmp_path / 'config',
        teacher=teaching.teacher_of(
            family, tmp_path, wider=True, train=True),
        iterations=ITERATIONS,
        checkpoint=POINT,
        generator=dict(
            guide=dict(type='mmgancomp.TeacherAdversarialLoss'),
            inter=dict(type='mmgancomp.FeatureL1Loss', layers=layers)))
    path = Path(config.filename)
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    kill.run(kill.OURS, path, whole)
    kill.kill_after(kill.OURS, path, broken, POINT)
    assert not (broken / f'iter_{ITERATIONS}.pth').exists()
    kill.run(kill.OURS, path, broken, '--resume')
    first, second = (
        runs.training_state(runs.load(d / f'iter_{ITERATIONS}.pth'))
        for d in (whole, broken))
    assert runs.differences(first, second) == []
    assert first['distillation']['teachers']
    assert first['distillation']['companions']

"""DGL-GAN on digits: a second stage with and without the teacher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .arms import Arm
from .checks import ratio, rise
from .scores import teacher_score
from .study import DIGITS, Metric, Study

__all__ = ['STUDY']

DENSE = 'configs/demo/sngan-proj_digits-16x16.py'
FIRST = 'configs/dgl_gan/dgl-gan-w2-stage1_sngan-proj_digits-16x16.py'
SECOND = 'configs/dgl_gan/dgl-gan-w2-stage2_sngan-proj_digits-16x16.py'
ITERATIONS = 600, 400
BATCH = 32
WEIGHTS = (0, 0.1, 1.)
STUDENTS = {'half': (2, 2), 'quarter': (4, 4), 'quarter, D an eighth': (4, 8)}
"""Student → divisors of G and D. The last is the setting in favour of the
teacher: the student's own judge is far too small."""

Folder = Callable[[str], Path]


def _student(name: str) -> dict[str, Any]:
    generator, discriminator = STUDENTS[name]
    return {'model.generator.divisor': generator,
            'model.discriminator.divisor': discriminator}


def _lasting(iterations: int) -> dict[str, Any]:
    return {'train_cfg.max_iters': iterations,
            'train_cfg.val_interval': iterations,
            'param_scheduler.begin': iterations // 2,
            'param_scheduler.end': iterations,
            'train_dataloader.batch_size': BATCH}


def _second(folder: Folder, student: str) -> dict[str, Any]:
    return {
        **_student(student), **_lasting(ITERATIONS[1]),
        'load_from': str(folder(f'{student}, stage I')
                         / f'iter_{ITERATIONS[0]}.pth'),
        'default_hooks.distillation.teacher.checkpoint': _teacher(folder)
    }


def _teacher(folder: Folder) -> str:
    return str(folder('dense') / 'iter_1500.pth')


def _guided(folder: Folder, student: str, weight: float) -> dict[str, Any]:
    guide = 'default_hooks.distillation.generator.guide.loss_weight'
    return {**_second(folder, student), guide: weight}


def _fixed(folder: Folder, student: str) -> dict[str, Any]:
    hook = 'default_hooks.distillation'
    return {**_second(folder, student), f'{hook}.generator': None,
            f'{hook}.student_discriminator': 'teacher'}


def _of(student: str) -> list[Arm]:
    first = f'{student}, stage I'
    after = ['dense', first]
    return [
        Arm(first, FIRST, lambda folder: {
            **_student(student), **_lasting(ITERATIONS[0])}),
        *(Arm(f'{student}, λ = {weight:g}', SECOND,
              lambda folder, weight=weight: _guided(folder, student, weight),
              after) for weight in WEIGHTS)
    ]


ARMS = [
    Arm('dense', DENSE),
    *(arm for student in STUDENTS for arm in _of(student)),
    Arm('half, single fixed D', SECOND, lambda folder: _fixed(folder, 'half'),
        ['dense', 'half, stage I']),
]


def measure(row: str, folder: Folder) -> dict[str, float]:
    """The teacher's mean score of the images of a finished run."""
    return {'teacher score': teacher_score(folder(row), folder('dense'))}


STUDY = Study(
    'A second judge on digits (DGL-GAN)',
    ARMS, [
        *(rise(f'{student}, λ = 1', f'{student}, λ = 0', 'teacher score',
               'the teacher likes the images better with λ = 1 in every '
               f'pair, {student}') for student in STUDENTS),
        ratio(('half, single fixed D', ), 'half, λ = 0', 5,
              'without a discriminator of its own the student diverges')
    ],
    seeds=(0, 1, 2, 3, 4),
    metrics={**DIGITS, 'teacher score': Metric(['teacher score'])},
    measure=measure,
    pairs=[(f'{student}, λ = {weight:g}', f'{student}, λ = 0')
           for student in STUDENTS for weight in WEIGHTS[1:]])

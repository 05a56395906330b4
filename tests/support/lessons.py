"""The matrix of a teacher's terms × families × conditions, generated.

The terms come from their registry: whoever registers one has it tested with
every family and under every condition.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.runner import Runner

from mmgancomp import families
from mmgancomp.distillation import LOSS_TERMS
from tests.support import half, runs, teaching, tiny  # noqa: F401

__all__ = ['CONDITIONS', 'Lesson', 'everything', 'judge', 'lessons', 'run',
           'terms']

CONDITIONS = ('plain', 'accumulation', 'amp', 'resume')
UPDATES = 6


@dataclass(frozen=True)
class Lesson:
    """One cell: some terms of one family under one condition.

    ``term`` is ``'all'`` or a name and a place.
    """

    family: str
    term: str
    condition: str

    def __str__(self) -> str:
        return '-'.join(astuple(self)).replace(' ', '_')


@cache
def _facts(family: str) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Keys of a family's optimizers, and two feature points per role."""
    model = tiny.model(family)
    known = families.of(model)
    networks = known.networks(model).values()
    points = {
        network.role: list(known.feature_points(network.module))
        for network in networks
    }
    return (tuple({n.optimizer: 0 for n in networks}),
            {role: [names[0], names[-1]] for role, names in points.items()})


def terms() -> list[str]:
    """Every registered term in every place where it may stand."""
    return [
        f'{name} {place}' for name, kind in LOSS_TERMS.module_dict.items()
        for place in kind.places
    ]


def _options(family: str, term: str) -> tuple[str, dict[str, Any]]:
    name, place = term.split()
    options: dict[str, Any] = dict(
        type=f'mmgancomp.{name}', loss_weight=0.05)
    if name in ('FeatureL1Loss', 'AttentionMapLoss'):
        options['layers'] = _facts(family)[1][place]
    return place, options


def entries(lesson: Lesson, weight: float | None = None) -> dict[str, Any]:
    """The terms of a lesson, per place and by name."""
    chosen = terms() if lesson.term == 'all' else [lesson.term]
    found: dict[str, Any] = {}
    for index, term in enumerate(chosen):
        place, options = _options(lesson.family, term)
        if lesson.term == 'all' and 'Consistency' in term:
            # Or the stock loss would be missing for all of them.
            options['replace_stock'] = False
        if weight is not None:
            options['loss_weight'] = weight
        found.setdefault(place, {})[f'term{index}'] = options
    return found


def everything(family: str, weight: float | None = None) -> dict[str, Any]:
    """All terms at once."""
    return entries(Lesson(family, 'all', 'plain'), weight)


def lessons(together: bool) -> list[Lesson]:
    """One cell per family with all terms, or one per family and term."""
    found = []
    for row, family in enumerate(tiny.FAMILIES):
        for column, term in enumerate(['all'] if together else terms()):
            condition = CONDITIONS[(row + column) % len(CONDITIONS)]
            found.append(Lesson(family, term, condition))
    return found


def build(lesson: Lesson, folder: Path, teacher: Any,
          weight: float | None = None, **more: Any) -> Any:
    """The config of a cell."""
    accumulation = 2 if lesson.condition == 'accumulation' else 1
    wrappers = {}
    for key in _facts(lesson.family)[0]:
        wrappers[key] = dict(
            accumulative_counts=accumulation, clip_grad=dict(max_norm=10.))
        if lesson.family in ('srgan', 'esrgan'):
            # With the stock rate of 1e-4 images stay as they are for
            # longer than a test.
            wrappers[key]['optimizer'] = dict(lr=1e-2)
        if lesson.condition == 'amp':
            wrappers[key]['type'] = 'HalfOptimWrapper'
    iterations = UPDATES * accumulation**2
    return teaching.distilling(
        lesson.family,
        folder,
        teacher=teacher,
        iterations=iterations,
        checkpoint=iterations // 2 + 1,
        optim_wrapper=wrappers,
        **entries(lesson, weight),
        **more)


def run(lesson: Lesson, folder: Path,
        weight: float | None = None) -> tuple[Runner, teaching.Eye]:
    """Train a cell; for ``resume`` half of it is trained twice."""
    teacher = teaching.teacher_of(lesson.family, folder, wider=True)
    config = build(lesson, folder / 'whole', teacher, weight)
    eye = teaching.Eye(gradients=lesson.condition != 'amp')
    runner = runs.train(config, eye)
    if lesson.condition == 'resume':
        point = UPDATES // 2 + 1
        config = build(lesson, folder / 'resumed', teacher, weight)
        runs.train(runs.resume_from(config, folder / 'whole', point))
        ends = [
            runs.training_state(
                runs.load(folder / part / f'iter_{UPDATES}.pth'))
            for part in ('whole', 'resumed')
        ]
        assert runs.differences(*ends) == []
    return runner, eye


def judge(lesson: Lesson, runner: Runner, eye: teaching.Eye) -> list[str]:
    """What is wrong with a finished run; empty when the terms acted."""
    hook, faults = teaching.hook_of(runner), []
    scalars = runner.message_hub.log_scalars
    for name, entry in hook.cast.terms.items():
        what = f'{type(entry.term).__name__} of the {entry.place}'
        values = eye.values.get(name, [])
        if len(values) < 2:
            faults.append(f'{what} was called {len(values)} times')
        elif len(set(values)) == 1:
            faults.append(f'{what} is constant: {values}')
        if not all(abs(value) < 1e4 for value in values):
            faults.append(f'{what} is out of bounds: {values}')
        # A hinge may be content with one batch, not with all of them.
        if lesson.condition != 'amp' and not max(
                eye.gradients.get(name, [0.])) > 0:
            faults.append(f'{what} reaches no weight of the {entry.place}')
        if f'train/distill/{name}' not in scalars:
            faults.append(f'{what} is not in the log')
    if runs.differences(eye.before, teaching.states(hook)):
        faults.append('the teacher has changed')
    model = families.base.bare(runner.model)
    if any('teacher' in key for key in model.state_dict()):
        faults.append('the teacher is part of the model')
    if lesson.condition == 'amp':
        keys = {n.optimizer for n in hook.cast.context.networks.values()}
        faults += [
            f'{key}: {runner.optim_wrapper[key].skipped} steps were skipped'
            for key in keys if runner.optim_wrapper[key].skipped != 1
        ]
    return faults

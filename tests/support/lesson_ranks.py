"""Lessons on two processes that talk over gloo."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

__all__ = ['UPDATES']

UPDATES = 20


def _digest(tensors: Any) -> str:
    total = hashlib.blake2b(digest_size=8)
    for tensor in tensors:
        total.update(tensor.detach().contiguous().numpy().tobytes())
    return total.hexdigest()


class Compare(Hook):
    """Ranks compare students, connectors and teachers."""

    priority = 'LOW'

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.compared = 0

    def before_train(self, runner: Any) -> None:
        self.first = self._parts(runner)

    def after_train_iter(self, runner: Any, batch_idx: int,
                         data_batch: Any = None, outputs: Any = None) -> None:
        from mmengine.dist import all_gather_object
        self.compared += 1
        for part, digest in self._parts(runner).items():
            if len(set(all_gather_object(digest))) > 1:
                self.faults.append(
                    f'iteration {runner.iter}: {part} differ')

    def after_train(self, runner: Any) -> None:
        for part, digest in self._parts(runner).items():
            if digest == self.first[part]:
                self.faults.append(f'{part} have not moved')

    def _parts(self, runner: Any) -> dict[str, str]:
        from tests.support import teaching
        hook = teaching.hook_of(runner)
        networks = hook.cast.context.networks.values()
        parts = {
            'weights':
            _digest(p for n in networks
                    if n.role == 'generator' or hook.cast.judge.trains
                    for p in n.module.parameters())
        }
        connectors = [
            p for e in hook.cast.terms.values() for p in e.term.parameters()
        ]
        if connectors:
            parts['connectors'] = _digest(connectors)
        for name, updated in hook._updated.items():
            parts[f'weights and statistics of teacher {name}'] = _digest(
                value for n in updated.judges for value in
                updated.teacher.networks[n].state_dict().values())
        return parts


def _config(lesson: Any, folder: Path) -> Any:
    from tests.support import lessons, teaching
    teacher = teaching.teacher_of(
        lesson.family, folder.parent, wider=True, train=lesson.term == 'all')
    more: dict[str, Any] = (
        dict(hook=dict(student_discriminator='teacher'))
        if lesson.term == 'TeacherJudges' else lessons.entries(lesson))
    return teaching.distilling(
        lesson.family,
        folder,
        teacher=teacher,
        iterations=UPDATES,
        checkpoint=UPDATES,
        env_cfg=dict(cudnn_benchmark=False),
        **more)


def _work(folder: Path) -> None:
    import mmgancomp.registry  # noqa: F401
    from tests.support import ranks, runs
    from tests.support.lessons import Lesson
    faults = {}
    for lesson, config in ranks.configs(folder, Lesson, _config):
        compare = Compare()
        runs.train(config, compare)
        found = list(compare.faults)
        if compare.compared != UPDATES:
            found.append(f'compared {compare.compared} times')
        faults[str(lesson)] = found
    ranks.report(folder, faults)


if __name__ == '__main__':
    _work(Path(sys.argv[1]))

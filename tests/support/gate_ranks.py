"""Gated generators on two processes that talk over gloo."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

__all__ = ['UPDATES', 'Gating']

UPDATES = 20


@dataclass(frozen=True)
class Gating:
    """One run."""

    family: str

    def __str__(self) -> str:
        return self.family


class Compare(Hook):
    """Ranks compare gates, and everything else of the generators."""

    priority = 'LOW'

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.compared = 0
        self.own: set[str] = set()

    def before_train_iter(self, runner: Any, batch_idx: int,
                          data_batch: Any = None) -> None:
        from mmengine.dist import all_gather_object

        from tests.support.ranks import _pixels
        self.own |= set(all_gather_object(str(hash(_pixels(data_batch)))))

    def after_train_iter(self, runner: Any, batch_idx: int,
                         data_batch: Any = None, outputs: Any = None) -> None:
        from mmengine.dist import all_gather_object

        from tests.support import gated
        from tests.support.lesson_ranks import _digest
        self.compared += 1
        for name, network in gated.generators(runner).items():
            parts = {'weights': network.module.parameters(),
                     'gates': (v for k, v in
                               network.module.state_dict().items()
                               if k.startswith('gates.'))}
            if network.ema is not None:
                parts['the average'] = network.ema.parameters()
            for part, tensors in parts.items():
                if len(set(all_gather_object(_digest(tensors)))) > 1:
                    self.faults.append(
                        f'iteration {runner.iter}: {part} of {name} differ')


def _config(case: Any, folder: Path) -> Any:
    from tests.support import gated
    # Eight gates share the pull in CycleGAN, where others have three.
    rate = .8 if case.family == 'cyclegan' else .4
    return gated.config(
        case.family, folder, gates=dict(optimizer=dict(type='SGD', lr=rate)),
        iterations=UPDATES, checkpoint=UPDATES,
        env_cfg=dict(cudnn_benchmark=False),
        **({} if case.family == 'cyclegan' else {
            'model': dict(discriminator_steps=1)}))


def _work(folder: Path) -> None:
    from mmengine.dist import get_rank

    import mmgancomp.registry  # noqa: F401
    from tests.support import gated, ranks, runs
    faults = {}
    for case, config in ranks.configs(folder, Gating, _config):
        compare, diary = Compare(), gated.Diary()
        runner = runs.train(config, compare, diary)
        found = list(compare.faults)
        if compare.compared != UPDATES:
            found.append(f'compared {compare.compared} times')
        if len(compare.own) < 2:
            found.append('both ranks got the same data')
        total = len(gated.all_gates(runner))
        early = diary.frozen[UPDATES - 1]
        if not 0 < early <= total or diary.frozen[1]:
            found.append(f'gates froze like this: {diary.frozen}')
        if get_rank() == 0:
            gated.slim_model(folder / str(case))
        faults[str(case)] = found
    ranks.report(folder, faults)


if __name__ == '__main__':
    _work(Path(sys.argv[1]))

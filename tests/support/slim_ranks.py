"""Narrowed networks on two processes that talk over gloo."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ['UPDATES', 'Narrowing']

UPDATES = 20


@dataclass(frozen=True)
class Narrowing:
    """One run: a family, narrowed by a ``'divisor'`` or by a ``'plan'``."""

    family: str
    by: str

    def __str__(self) -> str:
        return f'{self.family}-{self.by}'


def _config(case: Narrowing, folder: Path) -> Any:
    from tests.support import slim
    return slim.config(
        case.family,
        folder,
        plan=case.by == 'plan',
        iterations=UPDATES,
        checkpoint=UPDATES,
        env_cfg=dict(cudnn_benchmark=False),
        default_hooks=dict(compression=dict(type='mmgancomp.RunStateHook')))


def _faults(case: Narrowing, runner: Any, folder: Path) -> list[str]:
    """Are the networks narrow, have they learned, does one process load?"""
    import torch
    from mmengine.dist import barrier

    from mmgancomp import families
    from mmgancomp.runtime.building import build_model
    from tests.support import tiny
    model = families.base.bare(runner.model)
    family = families.of(model)
    stock = family.networks(
        tiny.model(case.family, narrow=case.family != 'stylegan2'))
    alone = build_model(runner.cfg)
    fresh = {k: v.clone() for k, v in alone.state_dict().items()}
    barrier()  # rank 0 writes it
    saved = torch.load(folder / f'iter_{UPDATES}.pth', weights_only=True)
    alone.load_state_dict(saved['state_dict'], strict=True)
    single, faults = family.networks(alone), []
    for name, network in family.networks(model).items():
        own = dict(network.module.named_parameters())
        if not _size(own) < .6 * _size(
                dict(stock[name].module.named_parameters())):
            faults.append(f'{name} is not narrow')
        if all(torch.equal(v, fresh[f'{name}.{k}']) for k, v in own.items()):
            faults.append(f'{name} has not moved')
        for key, value in single[name].module.named_parameters():
            if not torch.equal(value, own[key]):
                faults.append(f'two processes -> one: {name}.{key}')
    return faults


def _size(parameters: dict[str, Any]) -> int:
    return sum(p.numel() for p in parameters.values())


def _work(folder: Path) -> None:
    import mmgancomp.registry  # noqa: F401
    from tests.support import ranks, runs
    faults = {}
    for case, config in ranks.configs(folder, Narrowing, _config):
        compare = ranks._compare_hook()
        runner = runs.train(config, compare)
        found = list(compare.faults)
        if compare.compared != UPDATES:
            found.append(f'compared {compare.compared} times')
        found += _faults(case, runner, folder / str(case))
        faults[str(case)] = found
    ranks.report(folder, faults)


if __name__ == '__main__':
    _work(Path(sys.argv[1]))

"""Arms of the comparisons of recipes: a dense model, made small in our ways.

All have the same number of updates. Where a teacher is named it is the dense
model, and the distance of its images is added to the generator's loss.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .arms import PRUNED, ROOT, Arm, Cut, written
from .study import Metric

__all__ = ['CUT', 'DENSE', 'SIZES', 'Recipes', 'macs', 'rows']

DENSE = 'dense'
CUT = 'half cut'
HOOKS = 'default_hooks'
SIZES = {
    'non-zero, of dense': Metric(['nonzero'], '.0%', paired=False),
    'MACs, of dense': Metric(['macs'], '.0%', paired=False)
}
Folder = Callable[[str], Path]
Options = dict[str, Any]


@dataclass(frozen=True)
class Recipes:
    """How the arms of a dense model are made.

    Attributes:
        config: Of the dense model.
        iterations: Those of the dense model.
        updates: Those of every recipe.
        layers: Which weights masks are on; None: all convolutions.
    """

    config: str
    iterations: int
    updates: int
    layers: Mapping[str, Sequence[str]] | None = None

    @property
    def dense(self) -> Arm:
        """The stock model."""
        return Arm(DENSE, self.config)

    def cut(self, name: str = CUT,
            flags: Sequence[str] = ('--target', 'width=0.5')) -> Cut:
        """What is cut out of the dense model."""
        return Cut(name, self.config, self._trained, flags, [DENSE])

    def arm(self, name: str, *parts: Callable[[Folder], Options],
            cut: str | None = None) -> Arm:
        """A recipe.

        Args:
            name: Its row.
            parts: What it consists of.
            cut: The cut that it needs, or whose widths it has.
        """

        def options(folder: Folder) -> Options:
            found: Options = {
                'load_from': str(self._trained(folder)),
                'train_cfg.max_iters': self.updates,
                'train_cfg.val_interval': self.updates,
                'param_scheduler.begin': self.updates // 2,
                'param_scheduler.end': self.updates,
            }
            for part in parts:
                found |= part(folder)
            return found

        return Arm(name, self.config, options,
                   [DENSE, *([cut] if cut else [])])

    def taught(self, weight: float = 10.) -> Callable[[Folder], Options]:
        """Output L1 to the dense model's images."""
        return lambda folder: {
            f'{HOOKS}.distillation': dict(
                type='mmgancomp.DistillationHook',
                teacher=dict(config=str(ROOT / self.config),
                             checkpoint=str(self._trained(folder))),
                generator=dict(image=dict(
                    type='mmgancomp.OutputL1Loss', loss_weight=weight)))
        }

    def small(self, name: str = CUT) -> Callable[[Folder], Options]:
        """What has been cut trains on."""
        return lambda folder: {
            'load_from': str(folder(name) / 'slim.pth'),
            **self._slimmed(plan=str(folder(name) / 'plan.json'))
        }

    def narrow(self, folder: Folder) -> Options:
        """Half of the width, from scratch."""
        return {'load_from': None, **self._slimmed(divisor=2)}

    def fading(self, folder: Folder) -> Options:
        """The same channels as are cut; they fade over half of the run."""
        return {
            f'{HOOKS}.channel_kill': dict(
                type='mmgancomp.ChannelKillHook',
                networks=dict(generator=dict(
                    plan=str(folder(CUT) / 'plan.json'), end=0.5)))
        }

    def masked(self, density: float) -> Callable[[Folder], Options]:
        """AGP over half of the run."""
        generator: Options = dict(
            density=density, schedule=dict(type='AGP', interval=10))
        if self.layers:
            generator['layers'] = dict(self.layers)
        return lambda folder: {
            f'{HOOKS}.sparsity': dict(type='mmgancomp.SparsityHook',
                                      networks=dict(generator=generator))
        }

    def _trained(self, folder: Folder) -> Path:
        return folder(DENSE) / f'iter_{self.iterations}.pth'

    def _slimmed(self, **how: Any) -> Options:
        network = written(self.config, {}).model.generator.to_dict()
        return {
            'model.generator': dict(
                _delete_=True, type='mmgancomp.Slimmed', part='generator',
                network=network, **how)
        }


def rows(arms: Sequence[Arm | Cut],
         models: Mapping[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """Row of the table → seed → model, with what is not zero."""
    found = {arm.name: {s: runs[-1] for s, runs in models[arm.name].items()}
             for arm in arms if isinstance(arm, Arm)}
    for by_seed in found.values():
        for seed, model in by_seed.items():
            model['metrics']['nonzero'] = (
                _nonzero(model) / _nonzero(found[DENSE][seed]))
    return found


def _nonzero(model: Mapping[str, Any]) -> int:
    return next(facts['nonzero'] for name, facts in model['networks'].items()
                if name.startswith('generator'))


def macs(
    arms: Sequence[Arm | Cut],
    nothing: Sequence[str] = ()
) -> Callable[[str, Folder], dict[str, float]]:
    """Share of the MACs, by the cut that an arm needs; masks save none.

    Args:
        arms: All of them.
        nothing: Rows without a network.
    """
    cuts = {arm.name for arm in arms if isinstance(arm, Cut)}
    needed = {arm.name: cuts.intersection(arm.after) for arm in arms}

    def measure(row: str, folder: Folder) -> dict[str, float]:
        if row in nothing:
            return {'macs': 0.}
        found = [
            next(iter(json.loads((folder(cut) / PRUNED).read_text())
                      ['networks'].values())) for cut in needed[row]
        ]
        return {'macs': next((n['macs'] / n['macs_before'] for n in found),
                             1.)}

    return measure

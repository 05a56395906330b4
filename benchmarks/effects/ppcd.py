"""PPCD-GAN on digits, α = 0.5, beside its ablations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .arms import Arm
from .study import DIGITS, Metric, Study

__all__ = ['STUDY']

DENSE = 'configs/demo/sngan-proj_digits-16x16.py'
GATED = 'configs/ppcd_gan/ppcd-gan-a5_sngan-proj_digits-16x16.py'
HOOKS = 'default_hooks'
ATTENTION = f'{HOOKS}.distillation.generator.attention'
_KINDS: dict[str, dict[str, Any]] = {
    'complete': {},
    'without L_PP': {f'{HOOKS}.gates': None, 'model.generator.gated': False},
    'without L_CD': {f'{HOOKS}.distillation': None},
    'two steps': {
        f'{HOOKS}.gates.until': 0.5,
        f'{ATTENTION}.begin': 0.5
    },
    'complete, a tenth of L_CD': {f'{ATTENTION}.loss_weight': 0.1},
}


def _options(folder: Callable[[str], Path],
             kind: dict[str, Any]) -> dict[str, Any]:
    if f'{HOOKS}.distillation' in kind:
        return kind
    teacher = f'{HOOKS}.distillation.teacher.checkpoint'
    return {teacher: str(folder('dense') / 'iter_1500.pth'), **kind}


ARMS = [
    Arm('dense', DENSE),
    *(Arm(name, GATED, lambda folder, kind=kind: _options(folder, kind),
          ['dense']) for name, kind in _KINDS.items()),
]


def rows(models: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """Row of the table → seed → model, with what it has left of dense."""
    found = {arm.name: {s: runs[-1] for s, runs in models[arm.name].items()}
             for arm in ARMS}
    for by_seed in found.values():
        for seed, model in by_seed.items():
            network = model['networks']['generator']
            dense = found['dense'][seed]['networks']['generator']['params']
            left = network.get('without_gates', network)['params']
            model['metrics']['parameters'] = left / dense
    return found


STUDY = Study(
    'Gates and attention maps on digits (PPCD-GAN)',
    ARMS,
    # The paper's order is of ImageNet and 100 epochs.
    checks=[],
    metrics={
        **DIGITS, 'parameters, of dense':
        Metric(['parameters'], '.0%', paired=False)
    },
    rows=rows,
    pairs=[
        *(('complete', name) for name in _KINDS if name != 'complete'),
        ('complete, a tenth of L_CD', 'without L_CD')
    ])

"""Arms of the comparisons on translation: a dense model, pruned five ways."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .arms import Arm

__all__ = ['PERCENTS', 'arms', 'pairs']

PERCENTS = 50, 75, 90
HOOK = 'default_hooks.distillation'
PLAIN = 'plain AGP'
KINDS: dict[str, dict[str, Any]] = {
    PLAIN: {HOOK: None},
    'consistency': {},
    'consistency, D frozen': {f'{HOOK}.student_discriminator': 'frozen'},
    'consistency and stock loss': {
        f'{HOOK}.generator.same.replace_stock': False
    },
    'AGP + output L1': {
        f'{HOOK}.generator': dict(_delete_=True, image=dict(
            type='mmgancomp.OutputL1Loss', loss_weight=10.))
    }
}
"""Name → what differs from the published method."""

# The second setting of the method where most is at stake, output L1 where
# it is to keep what the dense model can.
_ONCE = {'consistency and stock loss': 90, 'AGP + output L1': 50}
_COMBINED = [(percent, kind) for percent in PERCENTS for kind in KINDS
             if _ONCE.get(kind, percent) == percent]


def arms(dense: str, pruned: str, iterations: int) -> Sequence[Arm]:
    """All arms.

    Args:
        dense: Config of the dense model.
        pruned: Config of the method.
        iterations: Those of the dense model.
    """
    return [
        Arm('dense', dense),
        *(Arm(f'{percent} %, {name}', pruned,
              lambda folder, percent=percent, name=name: _options(
                  folder('dense') / f'iter_{iterations}.pth', percent,
                  KINDS[name]), ['dense'])
          for percent, name in _COMBINED)
    ]


def _options(dense: Path, percent: int,
             kind: dict[str, Any]) -> dict[str, Any]:
    options = {
        'load_from': str(dense),
        'default_hooks.sparsity.networks.generator.density':
        1 - percent / 100
    }
    if HOOK not in kind:
        options[f'{HOOK}.teacher.checkpoint'] = str(dense)
    return {**options, **kind}


def pairs() -> list[tuple[str, str]]:
    """(row, control): the method and its kin against plain pruning."""
    found = [(f'{percent} %, {name}', f'{percent} %, {PLAIN}')
             for percent, name in _COMBINED if name != PLAIN]
    found += [(f'{percent} %, consistency',
               f'{percent} %, consistency, D frozen') for percent in PERCENTS]
    return found

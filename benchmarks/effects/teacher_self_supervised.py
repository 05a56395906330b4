"""Self-supervised compression on digits, beside AGP, frozen D, output L1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .arms import Arm
from .checks import ratio
from .study import Study

__all__ = ['STUDY']

DENSE = 'configs/demo/sngan-proj_digits-16x16.py'
PRUNED = ('configs/self_supervised/'
          'self-supervised-90_sngan-proj_digits-16x16.py')
HOOK = 'default_hooks.distillation'
SAME = f'{HOOK}.generator.same'
_LAYERS = dict(include=['*conv*.weight', 'noise2feat.*'])
PLAIN = 'plain AGP'
_KINDS: dict[str, dict[str, Any]] = {
    PLAIN: {HOOK: None},
    'consistency': {},
    'consistency, D frozen': {f'{HOOK}.student_discriminator': 'frozen'},
    'consistency and stock loss': {f'{SAME}.replace_stock': False},
    'AGP + output L1': {
        f'{HOOK}.generator': dict(_delete_=True, image=dict(
            type='mmgancomp.OutputL1Loss', loss_weight=10.))
    }
}
# The second setting of the method, and output L1, at the higher sparsity.
_COMBINED = [(percent, kind) for percent in (80, 90) for kind in _KINDS
             if percent == 90 or kind in list(_KINDS)[:3]]


def _options(folder: Callable[[str], Path], percent: int,
             kind: dict[str, Any]) -> dict[str, Any]:
    dense = str(folder('dense') / 'iter_1500.pth')
    networks = 'default_hooks.sparsity.networks.generator'
    options = {'load_from': dense,
               f'{networks}.density': 1 - percent / 100,
               f'{networks}.layers': _LAYERS}
    if HOOK not in kind:
        options[f'{HOOK}.teacher.checkpoint'] = dense
    return {**options, **kind}


ARMS = [
    Arm('dense', DENSE),
    *(Arm(f'{percent} %, {name}', PRUNED,
          lambda folder, percent=percent, name=name: _options(
              folder, percent, _KINDS[name]), ['dense'])
      for percent, name in _COMBINED),
]


STUDY = Study(
    'The same scores on digits (Self-Supervised GAN Compression)',
    ARMS, [
        *(ratio((f'{percent} %, consistency, D frozen', ),
                f'{percent} %, consistency', 2.5,
                f'a frozen discriminator ruins it at {percent} %')
          for percent in (80, 90)),
        ratio(('90 %, plain AGP', ), '90 %, AGP + output L1', 1.5,
              'output L1 beats plain AGP at 90 %, same updates')
    ],
    pairs=[(f'{percent} %, {name}', f'{percent} %, {PLAIN}')
           for percent, name in _COMBINED if name != PLAIN])

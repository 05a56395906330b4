"""Sparse training from scratch on digits: moving masks against static."""

from __future__ import annotations

from typing import Any

from .arms import Arm
from .checks import ratio
from .study import Study

__all__ = ['STUDY']

BASE = 'configs/demo/sngan-proj_digits-16x16.py'

_LAYERS = dict(include=['*conv*.weight', 'noise2feat.*'])
# Masks with the same density in each layer leave most to gain.
_STATIC = dict(schedule='OneShot', criterion='random', allocation='uniform')
_STATIC_ERK = {**_STATIC, 'allocation': 'erk'}


def _moving_erk(growth: str) -> dict[str, Any]:
    # A short run: masks settle for the last third of it, and what grows
    # starts without the moments of its time as a zero.
    return dict(schedule=dict(
        type='DropAndGrow', interval=20, drop_fraction=0.3,
        min_drop_fraction=0, end=0.7, reset_moments=True, growth=growth))


def _moving(growth: str) -> dict[str, Any]:
    return dict(allocation='uniform', **_moving_erk(growth))


def _arm(name: str, density: float, generator: dict[str, Any],
         discriminator: dict[str, Any] | None = None,
         iterations: int = 500) -> Arm:
    networks = dict(generator=dict(
        density=density, layers=_LAYERS, **generator))
    if discriminator is not None:
        networks['discriminator'] = dict(density=0.5, **discriminator)
    options = {
        'train_cfg.max_iters': iterations,
        'train_cfg.val_interval': iterations,
        'param_scheduler.begin': iterations // 2,
        'param_scheduler.end': iterations,
        'model.ema_config': dict(
            _delete_=True, type='mmgancomp.SEMA', interval=1, momentum=0.01,
            update_buffers=True),
        'default_hooks.sparsity': dict(
            type='mmgancomp.SparsityHook', networks=networks)
    }
    return Arm(name, BASE, lambda folder: options)


ARMS = [
    *(arm for percent in (95, 90) for arm in (
        _arm(f'{percent} %, static', 1 - percent / 100, _STATIC),
        _arm(f'{percent} %, gradient growth', 1 - percent / 100,
             _moving('gradient')),
        _arm(f'{percent} %, random growth', 1 - percent / 100,
             _moving('random')))),
    _arm('95 %, static; D 50 % static', 0.05, _STATIC, _STATIC),
    _arm('95 %, gradient growth; D 50 % static', 0.05, _moving('gradient'),
         _STATIC),
    _arm('95 %, gradient growth; D 50 % random growth', 0.05,
         _moving('gradient'), _moving('random')),
    _arm('95 %, ERK, 1,000 iterations, static', 1 - 95 / 100, _STATIC_ERK,
         iterations=1000),
    _arm('95 %, ERK, 1,000 iterations, gradient growth', 1 - 95 / 100,
         _moving_erk('gradient'), iterations=1000),
]


STUDY = Study('Sparse training from scratch on digits (STU-GAN)', ARMS, [
    ratio(('95 %, static', ), '95 %, gradient growth', 1.2,
          'moving masks beat a static one at 95 %, layers of equal density')
])

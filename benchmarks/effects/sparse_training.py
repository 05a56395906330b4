"""Sparse training from scratch on digits: moving masks against static."""

from __future__ import annotations

from typing import Any

from .arms import Arm

__all__ = ['ARMS', 'CHECKS', 'SEEDS', 'TITLE', 'rows']

TITLE = 'Sparse training from scratch on digits (STU-GAN)'
SEEDS = (0, 1, 2)
BASE = 'configs/demo/sngan-proj_digits-16x16.py'
ITERATIONS = 500

_LAYERS = dict(include=['*conv*.weight', 'noise2feat.*'])
_STATIC = dict(schedule='OneShot', criterion='random', allocation='erk')


def _moving(growth: str) -> dict[str, Any]:
    # 25 changes of masks in the run; the published one has 50.
    return dict(schedule=dict(type='DropAndGrow', interval=20, growth=growth))


def _arm(name: str, density: float, generator: dict[str, Any],
         discriminator: dict[str, Any] | None = None) -> Arm:
    networks = dict(generator=dict(
        density=density, layers=_LAYERS, **generator))
    if discriminator is not None:
        networks['discriminator'] = dict(density=0.5, **discriminator)
    options = {
        'train_cfg.max_iters': ITERATIONS,
        'train_cfg.val_interval': ITERATIONS,
        'param_scheduler.begin': ITERATIONS // 2,
        'param_scheduler.end': ITERATIONS,
        'model.ema_config': dict(
            _delete_=True, type='mmgancomp.SEMA', interval=1, momentum=0.01,
            update_buffers=True),
        'default_hooks.sparsity': dict(
            type='mmgancomp.SparsityHook', networks=networks)
    }
    return Arm(name, BASE, lambda folder: options)


ARMS = [
    *(arm for percent in (90, 95) for arm in (
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
]


def rows(models: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """Row of the table → seed → model."""
    return {
        arm.name: {s: runs[-1] for s, runs in models[arm.name].items()}
        for arm in ARMS
    }


CHECKS = [
    (('95 %, static', ), '95 %, gradient growth', 1.2,
     'moving masks beat a static one at 95 %'),
]

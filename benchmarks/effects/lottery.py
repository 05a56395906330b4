"""Lottery tickets at 95 % on digits, against every control."""

from __future__ import annotations

from typing import Any

from .arms import Arm
from .checks import ratio
from .study import Study

__all__ = ['STUDY']

BASE = 'configs/demo/sngan-proj_digits-16x16.py'
ITERATIONS = 400
DENSITY = 0.05

_COMMON = {
    # The rate falls over the second half, as in the demo.
    'param_scheduler.begin': ITERATIONS // 2,
    'param_scheduler.end': ITERATIONS,
    'default_hooks.checkpoint.interval': 200,
    'default_hooks.sparsity': dict(type='mmgancomp.SparsityHook')
}
# All convolutions and the first linear layer: 94 % of the parameters.
_LAYERS = dict(include=['*conv*.weight', 'noise2feat.*'])


def _loop(**options: Any) -> dict[str, Any]:
    return dict(
        _delete_=True,
        type='mmgancomp.LotteryTicketLoop',
        max_iters=ITERATIONS,
        val_interval=ITERATIONS,
        **options)


def _generator(**options: Any) -> dict[str, Any]:
    return {
        **_COMMON, 'default_hooks.sparsity.networks':
        dict(generator=dict(layers=_LAYERS, **options))
    }


def _controls(folder: Any, rewind: Any = 'theta0',
              **options: Any) -> dict[str, Any]:
    """One round after the dense training that the tickets began with."""
    return {
        **_generator(**options), 'train_cfg':
        _loop(rounds=1, dense=str(folder('imp')), rewind=rewind)
    }


def _ticket(folder: Any) -> str:
    return str(folder('imp') / 'round_03' / 'ticket.safetensors')


ARMS = [
    Arm(
        'imp', BASE, lambda folder: {
            **_generator(density=DENSITY, schedule='IMP'), 'train_cfg':
            _loop(rounds=3)
        }),
    Arm('one-shot', BASE, lambda folder: _controls(
        folder, density=DENSITY, schedule='IMP'), ['imp']),
    Arm('re-initialised', BASE, lambda folder: _controls(
        folder, dict(generator='other_seed'), schedule=dict(
            type='Fixed', ticket=_ticket(folder))), ['imp']),
    *(Arm(f'random, same layers, draw {draw}', BASE,
          lambda folder, draw=draw: _controls(
              folder, schedule=dict(
                  type='Fixed', ticket=_ticket(folder), shuffle=True,
                  shuffle_seed=draw)), ['imp']) for draw in (0, 1)),
    *(Arm(f'random, uniform, draw {draw}', BASE,
          lambda folder, draw=draw: _controls(
              folder, density=DENSITY, schedule='IMP', allocation='uniform',
              criterion=dict(type='random', seed=draw)), ['imp'])
      for draw in (0, 1)),
]


def rows(models: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """Row of the table → seed → model."""
    found = {}
    for number, name in enumerate(
        ('dense', 'round 1', 'round 2', 'ticket (IMP, 3 rounds)')):
        found[name] = {
            seed: next(m for m in runs if m['round'] == number)
            for seed, runs in models['imp'].items()
        }
    for arm in ARMS[1:]:
        found[arm.name] = {s: runs[-1] for s, runs in models[arm.name].items()}
    return found


STUDY = Study(
    'Lottery tickets on digits (GAN-LTH), 95 % sparse',
    ARMS, [
        ratio(('random, same layers, draw 0', 'random, same layers, draw 1'),
              'ticket (IMP, 3 rounds)', 1.5,
              'a ticket beats a random mask with the same layer densities')
    ],
    rows=rows)

"""Training starts again in the midst of a run."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from mmengine.optim import OptimWrapper

if TYPE_CHECKING:
    from mmengine.runner import Runner

__all__ = ['bound_schedulers', 'fresh_optimizer', 'fresh_schedulers']


def bound_schedulers(config: Any, end: int) -> Any:
    """Give schedulers that name no end the one of a part of the run.

    MMEngine would take the whole run's.

    Args:
        config: ``param_scheduler``: None, a dict, a list, or a dict of
            these by optimizer.
        end: The part's iterations.
    """
    if isinstance(config, (list, tuple)):
        return [bound_schedulers(entry, end) for entry in config]
    if not isinstance(config, dict):
        return config
    if 'type' not in config:
        return {k: bound_schedulers(v, end) for k, v in config.items()}
    if config.get('by_epoch', True):
        return config
    return {'end': end, **config}


def fresh_optimizer(wrapper: OptimWrapper) -> None:
    """Make an optimizer new, in place: what hangs on it stays attached.

    Moments go, learning rates are those of the start, a gradient that was
    being accumulated is dropped.
    """
    optimizer = wrapper.optimizer
    optimizer.state.clear()
    for group in optimizer.param_groups:
        for key in [k for k in group if k.startswith('initial_')]:
            group[key.removeprefix('initial_')] = group[key]
    wrapper.zero_grad()
    wrapper._inner_count = 0


def fresh_schedulers(runner: Runner, config: Any, step: int) -> None:
    """Build the parameter schedulers anew.

    Args:
        runner: The run; its optimizers are new.
        config: ``param_scheduler`` as :func:`bound_schedulers` gave it.
        step: Iterations after which training starts.
    """
    if config is None:
        return
    built = runner.build_param_scheduler(copy.deepcopy(config))
    runner.param_schedulers = built
    for schedulers in built.values() if isinstance(built, dict) else [built]:
        # In turns, as in training: each goes on from the rate it finds.
        for _ in range(step):
            for scheduler in schedulers:
                if not scheduler.by_epoch:
                    scheduler.step()

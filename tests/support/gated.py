"""Tiny configs whose generators have gates, written as users write them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import torch
from mmengine import Config, DefaultScope
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmgancomp import families
from mmgancomp.channels.gates import Gate
from mmgancomp.channels.gating import gates_of
from mmgancomp.registry import MODELS
from tests.support import tiny

__all__ = [
    'CONSTRUCTOR', 'FAMILIES', 'RATE', 'Diary', 'all_gates', 'config',
    'generators', 'slim_model'
]

FAMILIES = (*tiny.FAMILIES, tiny.FOUND)

CONSTRUCTOR = 'mmgancomp.CompressionOptimWrapperConstructor'

RATE = 1.
"""A rate of the gates that closes some within a few updates."""

_RUNS = itertools.count()


def config(family: str, work_dir: Path, *, gates: Any = None,
           builder: str = '', **overrides: Any) -> Config:
    """A tiny config of a family with a gated generator.

    Args:
        family: One of :data:`FAMILIES`.
        work_dir: As in ``tiny.config``.
        gates: Options of the hook, over those that make it act quickly:
            weights and rates are such that all numbers fall by 0.5 / 2N ·
            rate per update. None for no hook.
        builder: Options of ``mmgancomp.Gated``, as source.
        **overrides: As in ``tiny.config``.
    """
    hooks = {**overrides.pop('default_hooks', {})}
    if gates is not None:
        hooks['gates'] = dict(
            type='mmgancomp.GateHook',
            **{'alpha': 0.5, 'loss_weight': .5,
               'optimizer': dict(type='SGD', lr=RATE), **gates})
    wrapper = {'constructor': CONSTRUCTOR,
               **overrides.pop('optim_wrapper', {})}
    base = tiny.config(family, work_dir, default_hooks=hooks,
                       optim_wrapper=wrapper, **overrides)
    name = f'gated_{os.getpid()}_{next(_RUNS)}'
    path = Path(work_dir) / 'source' / f'gated_{family}.py'
    path.write_text(f'''_base_ = [{str(base.filename)!r}]
experiment_name = {name!r}
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Gated',
        part='generator',
        network={{{{_base_.model.generator}}}},
        {builder}))
''')
    return Config.fromfile(path)


def generators(runner: Runner) -> dict[str, Any]:
    """The generators of a run by name."""
    model = families.bare(runner.model)
    return {
        name: network
        for name, network in families.of(model).networks(model).items()
        if network.role == 'generator'
    }


def all_gates(runner: Runner) -> dict[str, Gate]:
    """All gates of a run by network and name."""
    return {
        f'{name}/{path}': gate
        for name, network in generators(runner).items()
        for path, gate in gates_of(network.module).items()
    }


def slim_model(folder: Path) -> Any:
    """The slim model that a run has left, with its weights, all of them."""
    config = Config.fromfile(folder / 'slim.py')
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = MODELS.build(config.model)
    state = torch.load(folder / 'slim.pth', weights_only=True)['state_dict']
    model.load_state_dict(state, strict=True)
    return model


class Diary(Hook):
    """Notes the gates after every iteration.

    Attributes:
        frozen: How many are frozen.
        weights: Mean of their numbers.
        lag: Iterations at which a frozen gate's copy was no copy.
    """

    priority = 'LOW'

    def __init__(self) -> None:
        self.frozen: list[int] = []
        self.weights: list[float] = []
        self.lag: list[int] = []

    def before_train(self, runner: Runner) -> None:
        self._note(runner)

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        self._note(runner)
        for network in generators(runner).values():
            if network.ema is None:
                continue
            copies = gates_of(network.ema)
            for path, gate in gates_of(network.module).items():
                if gate.frozen and not bool(
                        (copies[path].values() == gate.values()).all()):
                    self.lag.append(runner.iter)

    def _note(self, runner: Runner) -> None:
        gates = list(all_gates(runner).values())
        self.frozen.append(sum(bool(gate.frozen) for gate in gates))
        self.weights.append(
            sum(gate.weight.mean().item() for gate in gates) / len(gates))

"""What a config says about gates, checked before training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper

from mmgancomp.errors import ConfigError

from .gates import Gate

__all__ = ['KEY', 'GateSettings', 'check_constructor', 'check_reach']

KEY = 'default_hooks.gates'
CONSTRUCTOR = 'mmgancomp.CompressionOptimWrapperConstructor'


@dataclass(frozen=True)
class GateSettings:
    """Options of :class:`~mmgancomp.channels.gate_hook.GateHook`."""

    alpha: float
    pivot: float
    loss_weight: float
    cap: bool
    until: Any
    optimizer: Mapping[str, Any] | None

    def check(self) -> None:
        """Look at each value by itself.

        Raises:
            ConfigError: With its key.
        """
        for option, value in (('alpha', self.alpha), ('pivot', self.pivot)):
            if not _number(value) or not 0 < value < 1:
                raise ConfigError.at(f'{KEY}.{option}', value,
                                     'write a number between 0 and 1')
        if not _number(self.loss_weight):
            raise ConfigError.at(f'{KEY}.loss_weight', self.loss_weight,
                                 'write a finite number')
        if not isinstance(self.cap, bool):
            raise ConfigError.at(f'{KEY}.cap', self.cap,
                                 'write True or False')
        if self.optimizer is not None and not isinstance(
                self.optimizer, Mapping):
            raise ConfigError.at(f'{KEY}.optimizer', self.optimizer,
                                 "write for example dict(type='SGD', lr=0.1)")

    def rule(self) -> dict[str, Any]:
        """The optimizer's config; SGD at 0.1 where nothing is said."""
        given = dict(self.optimizer or {})
        if given.get('type') in (None, 'SGD'):
            given = {'type': 'SGD', 'lr': 0.1, **given}
        return given


def check_constructor(wrapper: OptimWrapper,
                      parameters: list[torch.nn.Parameter]) -> None:
    """The generators' optimizer must not have the gates as well.

    Raises:
        ConfigError: It has, with the line to write.
    """
    helpers = {id(parameter) for parameter in parameters}
    if any(
            id(p) in helpers for group in wrapper.optimizer.param_groups
            for p in group['params']):
        raise ConfigError.at(
            'optim_wrapper.constructor', None,
            f'write {CONSTRUCTOR!r}: gates have an optimizer of their own, '
            "and must not be the generator's as well")


def check_reach(gates: list[Gate], settings: GateSettings,
                optimizer: torch.optim.Optimizer,
                until: int) -> int | None:
    """When the first vector would freeze if L_PP alone moved it.

    Far from zero nothing else does: its force is constant, and with plain
    SGD so is the step.

    Args:
        gates: Of one network, as they begin.
        settings: All settings.
        optimizer: The gates'.
        until: The last update before all are frozen.

    Returns:
        The update; None if an optimizer other than plain SGD decides.

    Raises:
        ConfigError: No channel would close; or there is weight decay.
    """
    group = optimizer.param_groups[0]
    if group.get('weight_decay'):
        raise ConfigError.at(
            f'{KEY}.optimizer.weight_decay', group['weight_decay'],
            'write 0: decay pulls towards 0, which is neither open nor '
            'closed')
    plain = isinstance(optimizer, torch.optim.SGD) and not group['momentum']
    if not plain:
        if group['lr'] > 1e-4 and not isinstance(optimizer, torch.optim.SGD):
            print_log(
                f'{KEY}.optimizer: a step of {type(optimizer).__name__} is '
                f'about its rate, {group["lr"]:g}, which may take a gate '
                'past its whole range at once; 1e-4 or less does not',
                logger='current', level=30)
        return None
    step = group['lr'] * settings.loss_weight / len(gates)
    edge = math.log(settings.pivot / (1 - settings.pivot)) / gates[0].delta
    first = None
    for gate in gates:
        if bool(gate.frozen):
            continue
        weights = gate.weight.detach().sort().values.tolist()
        wanted = math.floor(settings.alpha * len(weights)) + 1
        if step <= 0:
            return None
        if min(weights) - edge > step * until:
            raise ConfigError.at(
                f'{KEY}.optimizer', settings.rule(),
                f'with loss_weight={settings.loss_weight:g} and '
                f'{len(gates)} gates a number moves by {step:g} per update, '
                f'by {step * until:.3g} in {until}, and the lowest is '
                f'{min(weights):.3g}: nothing would close; raise lr')
        needed = math.ceil((weights[min(wanted, len(weights)) - 1] - edge) /
                           step)
        first = needed if first is None else min(first, needed)
    return None if first is None else min(first, until)


def _number(value: Any) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value))

"""Stages of a run: weights of loss terms over time, resets, the guard."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mmengine.logging import print_log

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.registry import HOOKS

from .context import RunContext
from .guard import DivergenceGuard
from .hooks import CompressionHook
from .state import RunState
from .times import resolve_time
from .update import Phase

__all__ = ['StageHook']

KEY = 'default_hooks.stages'
OPTIONS = ('until', 'weights', 'reset_optimizers', 'stop')


@dataclass
class _Stage:
    begin: int
    end: int
    weights: dict[str, float]
    reset_optimizers: bool
    guard: DivergenceGuard | None


@HOOKS.register_module()
class StageHook(CompressionHook):
    """Runs training in stages::

        default_hooks = dict(stages=dict(
            type='mmgancomp.StageHook',
            stages=[dict(until=0.5, weights=dict(guide=0.0)),
                    dict(weights=dict(guide=0.1), reset_optimizers=True,
                         stop=dict(metric='FID-50k/fid', factor=2.0))]))

    Args:
        stages: In order. Each is a dict of

            * ``until``: the update of the generator at which the stage ends
              (an int, a fraction of the run, or ``'end'``); the last stage
              may leave it out.
            * ``weights``: loss term → its weight from the stage's first
              update on. A term that a stage leaves out keeps the weight
              that it has.
            * ``reset_optimizers``: whether all optimizers, companions among
              them, start the stage with empty moments; they stay attached
              to everything.
            * ``stop``: ends the run when a validation metric diverges, see
              :class:`~mmgancomp.runtime.guard.DivergenceGuard`.
    """

    key = 'stages'

    def __init__(self, stages: list[dict[str, Any]] | None = None,
                 **unknown: Any) -> None:
        self._config, self._unknown = stages, unknown
        self._stages: list[_Stage] = []
        self._current = -1

    def prepare(self, context: RunContext) -> None:
        check_options(KEY, self._unknown, ['stages'])
        if not isinstance(self._config, list) or not self._config:
            raise ConfigError.at(
                f'{KEY}.stages', self._config,
                'write a list of stages, each a dict, like '
                '[dict(until=0.5, weights=dict(guide=0.0)), '
                'dict(weights=dict(guide=0.1))]')
        generator = next(n for n in context.networks.values()
                         if n.role == 'generator')
        self._optimizer = generator.optimizer
        total = context.updates(generator.optimizer)
        begin = 0
        for i, entry in enumerate(self._config):
            stage = self._read(entry, f'{KEY}.stages.{i}', begin, total,
                               last=i == len(self._config) - 1,
                               validates=context.validates)
            self._stages.append(stage)
            begin = stage.end

    def _read(self, entry: dict[str, Any], key: str, begin: int, total: int,
              last: bool, validates: bool) -> _Stage:
        if not isinstance(entry, dict):
            raise ConfigError.at(
                key, entry, 'write the stage as a dict, like '
                'dict(until=0.5, weights=dict(guide=0.0))')
        check_options(key, entry, OPTIONS)
        if 'until' not in entry and not last:
            raise ConfigError.at(
                f'{key}.until', None, 'write the update or the fraction of '
                'the run at which the stage ends; only the last stage may '
                'leave it out')
        until = entry.get('until', 'end')
        end = resolve_time(until, total, f'{key}.until')
        if end <= begin or end > total:
            raise ConfigError.at(
                f'{key}.until', until,
                f'that is update {end}, but this stage begins at {begin} and '
                f'the run has {total} updates of the generator; write one '
                'in between')
        if last and end < total:
            raise ConfigError.at(
                f'{key}.until', until,
                f'the last stage must last to the end, update {total}; '
                'leave until out')
        weights = {} if entry.get('weights') is None else entry['weights']
        if not isinstance(weights, dict):
            raise ConfigError.at(
                f'{key}.weights', weights,
                'write a dict, loss term → weight, like dict(guide=0.1)')
        for name, weight in weights.items():
            if isinstance(weight, bool) or not isinstance(
                    weight, (int, float)) or not math.isfinite(weight):
                raise ConfigError.at(f'{key}.weights.{name}', weight,
                                     'write a finite number')
        reset = entry.get('reset_optimizers', False)
        if not isinstance(reset, bool):
            raise ConfigError.at(f'{key}.reset_optimizers', reset,
                                 'write True or False')
        guard = None
        if entry.get('stop') is not None:
            guard = DivergenceGuard.build(entry['stop'], f'{key}.stop')
            if not validates:
                raise ConfigError.at(
                    f'{key}.stop', entry['stop'],
                    'this run never validates; give it val_cfg, '
                    'val_dataloader and val_evaluator, or leave stop out')
        return _Stage(begin, end, dict(weights), reset, guard)

    def check(self, context: RunContext) -> None:
        for i, stage in enumerate(self._stages):
            for name, weight in stage.weights.items():
                if name not in context.terms:
                    raise ConfigError.at(
                        f'{KEY}.stages.{i}.weights.{name}', weight,
                        'this run has no such loss term; ' +
                        closest(name, context.terms))

    def attach(self, state: RunState) -> None:
        self._state = state
        state.updates(self._optimizer).on_update(Phase.DECIDE, self._advance)

    def begin(self, state: RunState) -> None:
        if state.resumed:
            # Moments are those of the checkpoint; weights are not in it.
            self._current = self._at(state.updates(self._optimizer).clock)
            self._set_weights()
        else:
            self._enter(0)

    def _at(self, update: int) -> int:
        return next(i for i, stage in enumerate(self._stages)
                    if update < stage.end or i == len(self._stages) - 1)

    def _advance(self, update: int) -> None:
        index = self._at(update)
        if index != self._current:
            self._enter(index)

    def _enter(self, index: int) -> None:
        self._current = index
        self._set_weights()
        if self._stages[index].reset_optimizers:
            self._reset()
        if index or self._stages[index].reset_optimizers:
            print_log(
                f'Stage {index + 1} of {len(self._stages)} begins after '
                f'{self._stages[index].begin} generator updates',
                logger='current')

    def _reset(self) -> None:
        wrappers = list(self._state.context.wrappers.values())
        for wrapper in wrappers + self._state.companions():
            wrapper.optimizer.state.clear()

    def _set_weights(self) -> None:
        # Earlier stages too: a resumed run has not been through them.
        for stage in self._stages[:self._current + 1]:
            for name, weight in stage.weights.items():
                self._state.context.terms[name](weight)

    def begin_round(self, number: int, state: RunState) -> None:
        """A round may be worse than the one before, and not diverge."""
        for stage in self._stages:
            if stage.guard is not None:
                stage.guard.forget()

    def after_val_epoch(self, runner: Any,
                        metrics: dict[str, float] | None = None) -> None:
        if not self._stages:
            return
        guard = self._stages[self._current].guard
        reason = guard.judge(metrics or {}) if guard else None
        if reason:
            runner.train_loop.stop_training = True
            print_log(f'Training stops: {reason}', logger='current')

    def settings(self) -> dict[str, Any]:
        return {
            'stages': [{
                'until': stage.end,
                'weights': stage.weights,
                'reset_optimizers': stage.reset_optimizers
            } for stage in self._stages]
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            'guards': [
                stage.guard.state_dict() if stage.guard else None
                for stage in self._stages
            ]
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for stage, kept in zip(self._stages, state['guards']):
            if stage.guard and kept is not None:
                stage.guard.load_state_dict(kept)

    def describe(self) -> list[dict[str, Any]]:
        return [{
            'mechanism': self.key,
            'stage': i + 1,
            'begin': stage.begin,
            'end': stage.end,
            'weights': stage.weights,
            'reset_optimizers': stage.reset_optimizers
        } for i, stage in enumerate(self._stages)]

"""The rounds of a lottery ticket run: how many, how long, from where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgancomp.errors import (
    ConfigError,
    MMGanCompError,
    check_options,
    closest,
)
from mmgancomp.runtime.context import ROLES, Part, RunContext, RunShape
from mmgancomp.runtime.snapshots import Snapshots
from mmgancomp.runtime.times import resolve_time

from .hook import SparsityHook

__all__ = ['Rounds']

KEY = 'train_cfg'
OPTIONS = ('type', 'max_iters', 'val_begin', 'val_interval',
           'dynamic_intervals', 'rounds', 'rewind', 'dense', 'redraw_seed')
SOURCES = ('theta0', 'late_0.1', 'dense_final', 'other_seed', 'keep')


@dataclass
class Rounds:
    """Settings of a
    :class:`~mmgancomp.sparsity.lottery.LotteryTicketLoop`, checked.

    Attributes:
        length: Iterations of the dense training, and of a round that starts
            at iteration 0.
        count: How many rounds.
        rewind: Role or network → snapshot, as in the config.
        dense: Work folder of the run whose dense training is taken over.
        redraw_seed: Seed of the weights called ``other_seed``.
        late: Snapshot → iteration of the dense training at which it is
            taken.
        sources: Network → snapshot; known after :meth:`check`.
    """

    length: int
    count: int
    rewind: dict[str, str]
    dense: str | None
    redraw_seed: int | None
    late: dict[str, int]
    sources: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Rounds:
        """Read ``train_cfg``.

        Raises:
            ConfigError: If an option is unknown or impossible.
        """
        check_options(KEY, options, OPTIONS)
        length = _count(options, 'max_iters', None,
                        'iterations of the dense training and of each round')
        count = _count(options, 'rounds', 10, 'rounds')
        _check_validation(options)
        given = options.get('rewind', 'theta0')
        rewind, late = _by_network(given), {}
        for name, source in rewind.items():
            key = (f'{KEY}.rewind.{name}' if isinstance(given, Mapping) else
                   f'{KEY}.rewind')
            late |= _late(source, length, key)
        dense = options.get('dense')
        seed = options.get('redraw_seed')
        if seed is not None and (type(seed) is not int
                                 or not 0 <= seed < 2**32):
            raise ConfigError.at(f'{KEY}.redraw_seed', seed,
                                 'write a whole number from 0 to 2³² − 1')
        if seed is not None and 'other_seed' not in rewind.values():
            raise ConfigError.at(
                f'{KEY}.redraw_seed', seed,
                "nothing is rewound to 'other_seed'; leave it out, or "
                "write rewind=dict(generator='other_seed')")
        return cls(length, count, dict(rewind), dense, seed, late)

    @property
    def first(self) -> int:
        """Iteration of the dense training at which a round starts."""
        return max((self.late.get(source, 0)
                    for source in self.rewind.values()), default=0)

    @property
    def shape(self) -> RunShape:
        """The dense training, unless it is taken over, and the rounds."""
        dense = [] if self.dense is not None else [Part(0, self.length)]
        rounds = [Part(self.first, self.length - self.first)] * self.count
        return RunShape((*dense, *rounds), self.count)

    def at(self, iteration: int) -> tuple[int, int]:
        """Round (0 is the dense training) and iteration within it."""
        number = 1 if self.dense is not None else 0
        for part in self.shape.parts:
            if iteration < part.length:
                return number, iteration
            iteration -= part.length
            number += 1
        return number, iteration

    def check(self, context: RunContext, hooks: Sequence[Any],
              resumed: bool = False) -> None:
        """Check the settings against the run.

        Args:
            context: The run.
            hooks: Our hooks in it, prepared.
            resumed: Whether the run has its own copies of what ``dense``
                names.

        Raises:
            ConfigError: If a network that is rewound isn't there, if no
                network is pruned by rounds, or if a round would start in
                the midst of an accumulation.
        """
        for name, source in self.rewind.items():
            if name not in ROLES and name not in context.networks:
                raise ConfigError.at(
                    f'{KEY}.rewind.{name}', source,
                    f'{type(context.model).__name__} has no such network; '
                    + closest(name, {*ROLES, *context.networks}))
        if self.dense is not None and not resumed:
            self._check_dense(context)
        chosen = context.select(
            {name: {'source': source}
             for name, source in self.rewind.items()}, f'{KEY}.rewind')
        self.sources = dict.fromkeys(context.networks, 'theta0')
        self.sources |= {n: o.values['source'] for n, o in chosen.items()}
        starts = {self.late.get(s, 0) for s in self.sources.values()
                  if s in self.late or s == 'theta0'}
        if len(starts) > 1 and self.late:
            raise ConfigError.at(
                f'{KEY}.rewind', self.rewind,
                'these networks would go back to different iterations, '
                f'{sorted(starts)}; name one late snapshot for all, or '
                "'dense_final' or 'keep' for the others")
        masks = next((h for h in hooks if isinstance(h, SparsityHook)), None)
        name = masks.brings_values() if masks else None
        if name is not None:
            raise ConfigError.at(
                'default_hooks.sparsity.networks', name,
                'its ticket would bring its values, but a lottery ticket '
                f'run puts {name} back to {self.sources[name]!r}; leave '
                'values out, or train with the ticket without rounds')
        pruned = masks is not None and masks.prunes_by_rounds()
        if not pruned and (self.dense is None or self.count > 1):
            raise ConfigError.at(
                'default_hooks.sparsity', None,
                'no network is pruned between the rounds, so each would '
                "repeat the same training; write schedule='IMP' for one, as "
                'in networks=dict(generator=dict(schedule=\'IMP\'))')
        period = 1
        for wrapper in context.wrappers.values():
            period *= wrapper._accumulative_counts
        if self.first % period:
            name = next(n for n, i in self.late.items() if i == self.first)
            raise ConfigError.at(
                f'{KEY}.rewind', name,
                f'that is iteration {self.first}, in the midst of an '
                f'accumulation of {period}; write a multiple, such as '
                f'late_{self.first // period * period or period}')

    def _check_dense(self, context: RunContext) -> None:
        key, folder = f'{KEY}.dense', Path(str(self.dense)) / 'snapshots'
        snapshots = Snapshots(context.model, context.networks, folder)
        for name in sorted({'dense_final', 'theta0', *self.late}):
            if not snapshots.path(name).is_file():
                raise ConfigError.at(
                    key, self.dense,
                    f'there is no {name}.pth in its folder snapshots; name '
                    'the work folder of a lottery ticket run whose dense '
                    'training is done and took that snapshot, or leave dense '
                    'out')
            try:
                info = snapshots.check(name)
            except MMGanCompError as error:
                raise ConfigError.at(
                    key, self.dense,
                    f'{error}; name a run of this model') from error
            if name in self.late and info['iteration'] != self.late[name]:
                raise ConfigError.at(
                    key, self.dense,
                    f'its {name} is iteration {info["iteration"]}, and '
                    f'iteration {self.late[name]} of this run, whose '
                    'max_iters is another; write late_'
                    f'{info["iteration"]}, or the same max_iters')

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        return {
            'max_iters': self.length,
            'rounds': self.count,
            'rewind': self.sources,
            'dense': self.dense is not None,
            'redraw_seed': self.redraw_seed
        }

    def describe(self) -> list[dict[str, Any]]:
        """A row for ``mmgancomp plan``."""
        return [{
            'mechanism': 'lottery',
            'rounds': self.count,
            'dense': self.dense,
            'dense_iterations': 0 if self.dense is not None else self.length,
            'round_iterations': self.length - self.first,
            'rewind': self.sources
        }]


def _count(options: Mapping[str, Any], name: str, default: int | None,
           what: str) -> int:
    value = options.get(name, default)
    if type(value) is not int or value < 1:
        raise ConfigError.at(f'{KEY}.{name}', value,
                             f'write the number of {what}, at least 1')
    return value


def _late(source: Any, length: int, key: str) -> dict[str, int]:
    if not isinstance(source, str):
        raise ConfigError.at(
            key, source, 'write the name of a state to go back to; ' +
            closest(str(source), SOURCES))
    if source in SOURCES and not source.startswith('late_'):
        return {}
    match = re.fullmatch(r'late_(\d+|0?\.\d+)', source)
    if not match:
        raise ConfigError.at(
            key, source, "no such state; write 'late_0.1' for a tenth of the "
            "dense training or 'late_5000' for an iteration of it, or " +
            closest(source, SOURCES))
    text = match[1]
    at = resolve_time(float(text) if '.' in text else int(text), length, key)
    if not 0 < at < length:
        raise ConfigError.at(
            key, source,
            f'that is iteration {at} of {length}; write one in between')
    return {source: at}


def _by_network(rewind: Any) -> dict[str, Any]:
    """Role or network → source; one source stands for both roles."""
    if not isinstance(rewind, Mapping):
        return dict.fromkeys(ROLES, rewind)
    flat = {}
    for name, source in rewind.items():
        # `--cfg-options train_cfg.rewind.generators.photo=` nests.
        flat |= ({f'{name}.{k}': v for k, v in source.items()} if isinstance(
            source, Mapping) else {name: source})
    return flat


def _check_validation(options: Mapping[str, Any]) -> None:
    for name in ('val_begin', 'val_interval'):
        if name in options:
            _count(options, name, None, 'iterations')
    milestones = options.get('dynamic_intervals')
    if milestones is not None and not (
            isinstance(milestones, (list, tuple)) and all(
                isinstance(entry, (list, tuple)) and len(entry) == 2
                and all(type(n) is int and n > 0 for n in entry)
                for entry in milestones)):
        raise ConfigError.at(
            f'{KEY}.dynamic_intervals', milestones,
            'write a list of (iteration of the round, interval from there)')

"""The rounds of a lottery ticket run: how many, how long, from where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgancomp.errors import ConfigError, closest
from mmgancomp.runtime.context import Part, RunContext, RunShape
from mmgancomp.runtime.times import resolve_time

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
        for option, value in options.items():
            if option not in OPTIONS:
                raise ConfigError.at(
                    f'{KEY}.{option}', value,
                    f'no such option; {closest(option, OPTIONS)}')
        length = _count(options, 'max_iters', None,
                        'iterations of the dense training and of each round')
        count = _count(options, 'rounds', 10, 'rounds')
        rewind = options.get('rewind', 'theta0')
        if not isinstance(rewind, Mapping):
            rewind = {'generator': rewind, 'discriminator': rewind}
        late = {}
        for name, source in rewind.items():
            key = (f'{KEY}.rewind.{name}' if isinstance(
                options.get('rewind'), Mapping) else f'{KEY}.rewind')
            late |= _late(source, length, key)
        dense = options.get('dense')
        if dense is not None:
            _check_dense(dense, {'theta0', 'dense_final', *late})
        seed = options.get('redraw_seed')
        if seed is not None and type(seed) is not int:
            raise ConfigError.at(f'{KEY}.redraw_seed', seed,
                                 'write a whole number')
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

    def check(self, context: RunContext, hooks: Sequence[Any]) -> None:
        """Check the settings against the run.

        Args:
            context: The run.
            hooks: Our hooks in it, prepared.

        Raises:
            ConfigError: If a network that is rewound isn't there, if no
                network is pruned by rounds, or if a round would start in
                the midst of an accumulation.
        """
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
        pruned = any(getattr(hook, 'prunes_by_rounds', bool)()
                     for hook in hooks)
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


def _check_dense(dense: Any, needed: set[str]) -> None:
    folder = Path(str(dense)) / 'snapshots'
    missing = sorted(n for n in needed
                     if not (folder / f'{n}.pth').is_file())
    if missing:
        raise ConfigError.at(
            f'{KEY}.dense', dense,
            f'there is no {missing[0]}.pth in its folder snapshots; name the '
            'work folder of a lottery ticket run whose dense training is '
            'done and took that snapshot, or leave dense out')

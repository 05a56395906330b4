"""Channels that fade out over updates, so that training adapts to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.families import Family, Network, NotOffered
from mmgancomp.runtime.structure import noted
from mmgancomp.runtime.times import resolve_time

from . import ranking
from .costs import params_after
from .groups import Groups, Kept, check_kept, counts_of, removed
from .kill import silence
from .plan import ChannelPlan, content_key
from .pruned import ranked

__all__ = ['Fading', 'Target']

_DEFAULTS = dict(
    plan=None,
    target=None,
    criterion='readers',
    allocation='uniform',
    multiple=8,
    begin='start',
    end=.5)


@dataclass(frozen=True)
class Target:
    """How a ranking chooses channels.

    Attributes:
        params: Share of the parameters that may stay.
        criterion: As in :func:`~mmgancomp.channels.ranking.scores_of`.
        allocation: As in :func:`~mmgancomp.channels.ranking.sizes_for`.
        multiple: Likewise.
        key: Where the target stands, for errors.
    """

    params: float
    criterion: str
    allocation: str
    multiple: int
    key: str


@dataclass
class Fading:
    """Networks of one role whose channels fade.

    Attributes:
        role: ``'generator'`` or ``'discriminator'``.
        networks: Those of that role: they share the plan.
        groups: The groups of each.
        begin: Update after which channels begin to fade; a ranking is made
            then.
        end: Update after which they are dead.
        target: How they are chosen; None with a plan.
        kept: What stays; None until it is decided.
        seed: Of a random ranking.
    """

    role: str
    networks: list[Network]
    groups: Groups
    begin: int
    end: int
    target: Target | None = None
    kept: Kept | None = None
    seed: int = 0

    @classmethod
    def of(cls, options: Any, role: str, networks: list[Network],
           family: Family, total: int, seed: int, key: str) -> Fading:
        """Read the options of one role.

        Args:
            options: ``plan`` or ``target``, ``begin``, ``end``, and how to
                rank.
            role: Whose options they are.
            networks: The networks of that role.
            family: The family of the model.
            total: Updates that the run makes with these networks.
            seed: The run's seed.
            key: Where the options stand, for errors.

        Raises:
            ConfigError: Something in them is wrong.
        """
        if not isinstance(options, Mapping):
            raise ConfigError.at(key, options,
                                 "write a dict, like dict(plan='plan.json')")
        check_options(key, options, _DEFAULTS)
        try:
            groups = family.channel_groups(networks[0].module)
        except NotOffered as error:
            raise ConfigError.at(key, role, str(error)) from None
        given = {**_DEFAULTS, **options}
        begin, end = (
            resolve_time(given[name], total, f'{key}.{name}')
            for name in ('begin', 'end'))
        if not begin < end <= total:
            raise ConfigError.at(
                f'{key}.end', given['end'], f'is update {end}; it must come '
                f'after begin (update {begin}) and within the run ({total} '
                'updates)')
        if (given['plan'] is None) == (given['target'] is None):
            raise ConfigError.at(f'{key}.plan', given['plan'],
                                 'give either a plan or a target')
        self = cls(role, networks, groups, begin, end, seed=seed)
        if given['plan'] is not None:
            self.kept = self._planned(given['plan'], f'{key}.plan')
        else:
            self.target = _target(given, key)
            # An impossible target is found now, not at its time.
            self.choose()
        return self

    def _planned(self, plan: Any, key: str) -> Kept:
        if noted(self.networks[0].module) is not None:
            raise ConfigError.at(
                key, plan if isinstance(plan, str) else '…',
                f'the {self.role} is narrowed already, and a plan counts '
                "the channels of the stock network; give target='params=0.5'")
        read = ChannelPlan.given(plan, key)
        entry = read.networks.get(self.role)
        if entry is None or not entry.kept:
            raise ConfigError.at(
                key, plan if isinstance(plan, str) else '…',
                f'does not say which channels of the {self.role} stay')
        check_kept(self.groups, entry.kept, content_key(key, plan))
        return entry.kept

    def choose(self) -> Kept:
        """The plan by the weights as they are now."""
        assert self.target is not None
        modules = [ranked(network) for network in self.networks]
        scores = ranking.scores_of(modules, self.groups,
                                   self.target.criterion, self.seed)
        whole = sum(weight.numel() for weight in modules[0].parameters())

        def plan_of(fraction: float) -> Kept:
            return ranking.best(
                scores,
                ranking.sizes_for(self.groups, scores, fraction,
                                  self.target.allocation,
                                  self.target.multiple))

        return ranking.reach(
            plan_of,
            lambda plan: params_after(modules[0], self.groups, plan) / whole,
            self.target.params, self.target.key, self.target.params)

    def factor(self, update: int) -> float:
        """What is left of a fading channel after an update, from 1 to 0."""
        done = (update - self.begin) / (self.end - self.begin)
        return 1 - min(1., max(0., done))

    def advance(self, update: int) -> None:
        """Fade the live networks by one update's worth; then keep them dead.

        Args:
            update: Updates made so far, this one included.
        """
        if update <= self.begin:
            return
        before, now = self.factor(update - 1), self.factor(update)
        ratio = now / before if before else 0.
        for network in self.networks:
            silence(network.module, self.groups, self.kept, ratio)

    def follow(self, update: int) -> None:
        """Kill in the averaged copies what is dead in the live networks."""
        if update >= self.end:
            for network in self.networks:
                if network.ema is not None:
                    silence(network.ema, self.groups, self.kept)

    def digest(self) -> str:
        """A fingerprint of what stays."""
        return hashlib.sha256(
            json.dumps(self.kept, sort_keys=True).encode()).hexdigest()

    def counts(self) -> dict[str, dict[str, int]]:
        """Group → its channels, and how many stay as things are now."""
        kept = self.choose() if self.kept is None else self.kept
        return counts_of(self.groups, kept)

    def params(self) -> tuple[int, int]:
        """Parameters of one network, and what is left as things are now."""
        kept = self.choose() if self.kept is None else self.kept
        module = self.networks[0].module
        return (sum(weight.numel() for weight in module.parameters()),
                params_after(module, self.groups, kept))

    @property
    def doomed(self) -> int:
        """How many channels go."""
        return sum(map(len, removed(self.groups, self.kept or {}).values()))


def _target(given: Mapping[str, Any], key: str) -> Target:
    value = given['target']
    what, _, number = str(value).partition('=')
    try:
        share = float(number)
    except ValueError:
        share = 0.
    if what != 'params' or not 0 < share < 1:
        raise ConfigError.at(
            f'{key}.target', value, "write the share of the parameters that "
            "may stay, like 'params=0.5'; for other targets take the plan "
            'of `mmgancomp prune`')
    if given['allocation'] not in ranking.ALLOCATIONS:
        raise ConfigError.at(
            f'{key}.allocation', given['allocation'],
            closest(str(given['allocation']), ranking.ALLOCATIONS))
    if given['criterion'] not in ranking.CRITERIA:
        raise ConfigError.at(f'{key}.criterion', given['criterion'],
                             closest(str(given['criterion']),
                                     ranking.CRITERIA))
    if type(given['multiple']) is not int or given['multiple'] < 1:
        raise ConfigError.at(f'{key}.multiple', given['multiple'],
                             'write a whole number of at least 1')
    return Target(share, given['criterion'], given['allocation'],
                  given['multiple'], f'{key}.target')

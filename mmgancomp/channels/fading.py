"""Channels that fade out over updates, so that training adapts to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.families import Network
from mmgancomp.runtime.structure import noted
from mmgancomp.runtime.times import resolve_time

from . import ranking
from .aims import Aim, Macs, choose, divided, read_target
from .costs import params_after
from .finding import find_groups
from .groups import Groups, Kept, check_kept, counts_of, removed
from .kill import silence
from .plan import ChannelPlan, content_key
from .pruned import ranked

if TYPE_CHECKING:
    from mmgancomp.runtime.context import RunContext

__all__ = ['Fading']

_DEFAULTS = dict(
    plan=None,
    target=None,
    criterion='readers',
    allocation='uniform',
    multiple=8,
    begin='start',
    end=.5)


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
        costs: MACs of each.
        aim: How they are chosen; None with a plan.
        kept: What stays; None until it is decided.
        widths: What a width asks for: channels of each group.
    """

    role: str
    networks: list[Network]
    groups: Groups
    begin: int
    end: int
    costs: Macs
    aim: Aim | None = None
    kept: Kept | None = None
    widths: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Any, role: str, networks: list[Network],
           context: RunContext, key: str) -> Fading:
        """Read the options of one role.

        Args:
            options: ``plan`` or ``target``, ``begin``, ``end``, and how to
                rank.
            role: Whose options they are.
            networks: The networks of that role.
            context: The run.
            key: Where the options stand, for errors.

        Raises:
            ConfigError: Something in them is wrong.
        """
        if not isinstance(options, Mapping):
            raise ConfigError.at(key, options,
                                 "write a dict, like dict(plan='plan.json')")
        check_options(key, options, _DEFAULTS)
        family, first = context.family, networks[0]
        groups = find_groups(family, first.module, key)
        given = {**_DEFAULTS, **options}
        total = context.updates(first.optimizer)
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
        self = cls(role, networks, groups, begin, end,
                   Macs(ranked(first), groups, family))
        if given['plan'] is not None:
            self.kept = self._planned(given['plan'], f'{key}.plan')
        else:
            self.aim = _aim(given, context.seed, key)
            if self.aim.what == 'width':
                self.widths = divided(context.config, family, first,
                                      round(1 / self.aim.share),
                                      self.aim.key)
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
        assert self.aim is not None
        return choose(self.aim, [ranked(network) for network in self.networks],
                      self.groups, self.costs, lambda divisor: self.widths)

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

    def before_after(self) -> dict[str, tuple[int, int]]:
        """Parameters of one network, and what is left as things are now.

        MACs, too, where they are what is aimed at.
        """
        kept = self.choose() if self.kept is None else self.kept
        module = self.networks[0].module
        found = {
            'params_before_after':
            (sum(weight.numel() for weight in module.parameters()),
             params_after(module, self.groups, kept))
        }
        if self.aim is not None and self.aim.what == 'macs':
            found['macs_before_after'] = (self.costs.whole[0],
                                          self.costs.left(kept))
        return found

    @property
    def doomed(self) -> int:
        """How many channels go."""
        return sum(map(len, removed(self.groups, self.kept or {}).values()))


def _aim(given: Mapping[str, Any], seed: int, key: str) -> Aim:
    what, share = read_target(given['target'], f'{key}.target')
    for name, known in (('allocation', ranking.ALLOCATIONS),
                        ('criterion', ranking.CRITERIA)):
        if given[name] not in known:
            raise ConfigError.at(f'{key}.{name}', given[name],
                                 closest(str(given[name]), known))
    if type(given['multiple']) is not int or given['multiple'] < 1:
        raise ConfigError.at(f'{key}.multiple', given['multiple'],
                             'write a whole number of at least 1')
    return Aim(what, share, given['criterion'], given['allocation'],
               given['multiple'], seed, f'{key}.target')

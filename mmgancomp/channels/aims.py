"""What is to stay of a network, and which of its channels that makes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmgancomp.errors import ConfigError, closest
from mmgancomp.families import Family, Network
from mmgancomp.families.macs import macs
from mmgancomp.registry import SCOPE
from mmgancomp.runtime.building import build_model
from mmgancomp.runtime.structure import noted

from . import ranking
from .costs import macs_after, params_after
from .groups import Groups, Kept
from .remove import example
from .slicing import copy_of, cut

__all__ = ['SHARES', 'Aim', 'Macs', 'choose', 'divided', 'read_target']

SHARES = ('macs', 'params', 'width')
"""What a share can be of."""

SLIMMED = f'{SCOPE}.Slimmed'


def read_target(word: Any, key: str,
                others: Sequence[str] = ()) -> tuple[str, float]:
    """Read ``'macs=0.5'``: what is meant, and the share that may stay.

    Args:
        word: The target as it was given.
        key: Where that was, for errors.
        others: Targets besides :data:`SHARES`, which have no share.

    Raises:
        ConfigError: It is no target.
    """
    what, _, number = str(word).partition('=')
    if what in others:
        if number:
            raise ConfigError.at(key, word, f'{what} takes no number')
        return what, 0.
    if what not in SHARES:
        raise ConfigError.at(
            key, word, f'{closest(what, (*SHARES, *others))}; for example '
            "'macs=0.5'")
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise ConfigError.at(
            key, word, 'write the share that stays, between 0 and 1, like '
            f'{what}=0.5')
    if what == 'width' and not math.isclose(
            1 / share, round(1 / share), rel_tol=.02):
        raise ConfigError.at(
            key, word, 'a width is one over a divisor: 0.5, 0.33, 0.25, …')
    return what, share


@dataclass(frozen=True)
class Aim:
    """What is to stay of a network, and how its channels are ranked.

    Attributes:
        what: One of :data:`SHARES`.
        share: What may stay of that, 0-1.
        criterion: As in :func:`~mmgancomp.channels.ranking.scores_of`.
        allocation: As in :func:`~mmgancomp.channels.ranking.sizes_for`; for
            MACs and parameters.
        multiple: Likewise.
        seed: Of a random ranking.
        key: Where the target stands, for errors.
    """

    what: str
    share: float = 0.
    criterion: str = 'readers'
    allocation: str = 'uniform'
    multiple: int = 8
    seed: int = 0
    key: str = '--target'

    @property
    def word(self) -> str:
        """As it was written: ``'macs=0.5'``."""
        return f'{self.what}={self.share:g}' if self.share else self.what


class Macs:
    """The share of a network's MACs that a plan leaves.

    Args:
        network: The network. It is copied when it is asked about for the
            first time: what a run hooks onto it later has no part in this.
        groups: Its groups.
        family: Makes its inputs.
    """

    def __init__(self, network: nn.Module, groups: Groups,
                 family: Family) -> None:
        self._network, self._groups, self._family = network, groups, family
        self._whole: tuple[int, dict[str, int]] | None = None
        self._counted: dict[tuple[int, ...], int] = {}

    @property
    def whole(self) -> tuple[int, dict[str, int]]:
        """MACs of the whole network, and each layer's part of them."""
        if self._whole is None:
            self._network = copy_of(self._network)
            self._whole = self._of(self._network)
        return self._whole

    def _of(self, network: nn.Module) -> tuple[int, dict[str, int]]:
        return macs(network, *example(self._family, network, 1))

    def estimate(self, plan: Kept) -> float:
        """Told from sizes; nothing runs."""
        total, parts = self.whole
        return macs_after(self._network, self._groups, plan, parts) / total

    def count(self, plan: Kept) -> float:
        """Counted in a forward of the network, cut to the plan."""
        return self.left(plan) / self.whole[0]

    def left(self, plan: Kept) -> int:
        """MACs of one image once the network is cut to the plan."""
        # Which channels stay makes no difference, only how many.
        sizes = tuple(
            len(plan.get(name, range(group.width)))
            for name, group in self._groups.items())
        if sizes not in self._counted:
            small = copy_of(self._network)
            cut(small, self._groups, plan)
            self._counted[sizes] = self._of(small)[0]
        return self._counted[sizes]


def choose(aim: Aim, networks: Sequence[nn.Module], groups: Groups,
           costs: Macs, widths: Callable[[int], Mapping[str, int]]) -> Kept:
    """The plan that an aim makes of weights as they are now.

    Args:
        aim: What is to stay.
        networks: Networks of one config, which are cut alike.
        groups: The groups of each.
        costs: MACs of each.
        widths: Divisor → width of each group in a network whose widths
            are divided by it; asked for that aim alone.

    Raises:
        ConfigError: Nothing that small can be reached.
    """
    scores = ranking.scores_of(networks, groups, aim.criterion, aim.seed)
    if aim.what == 'width':
        return ranking.best(scores, widths(round(1 / aim.share)))

    def plan_of(fraction: float) -> Kept:
        return ranking.best(
            scores,
            ranking.sizes_for(groups, scores, fraction, aim.allocation,
                              aim.multiple))

    if aim.what == 'params':
        whole = sum(weight.numel() for weight in networks[0].parameters())
        return ranking.reach(
            plan_of,
            lambda plan: params_after(networks[0], groups, plan) / whole,
            aim.share, aim.key, aim.word)
    return ranking.reach_measured(plan_of, costs.estimate, costs.count,
                                  aim.share, aim.key, aim.word)


def divided(config: Any, family: Family, network: Network, divisor: int,
            key: str) -> dict[str, int]:
    """Width of each group of a network if its config's were divided.

    Args:
        config: The config of the model; left as it is.
        family: The model's family.
        network: One of its networks.
        divisor: What widths are divided by.
        key: Where that was asked for, for errors.

    Raises:
        ConfigError: The network is narrowed already, or cannot be divided
            so far.
    """
    if noted(network.module) is not None:
        raise ConfigError.at(
            key, f'width={1 / divisor:.3g}',
            f'{network.name} is narrowed already; say what may stay of its '
            'cost, with macs= or params=')
    narrow = deepcopy(config)
    narrow.model[network.role] = dict(
        type=SLIMMED,
        network=narrow.model[network.role],
        divisor=divisor,
        part=network.role)
    with torch.random.fork_rng(devices=[]):
        built = family.networks(build_model(narrow))[network.name]
    return {
        name: group.width
        for name, group in family.channel_groups(built.module).items()
    }

"""Removes channels from a trained model, to ``plan.json`` and ``slim.pth``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmgancomp.channels import empty_channels
from mmgancomp.channels.aims import Aim, Macs, choose, divided
from mmgancomp.channels.groups import removed
from mmgancomp.channels.pruned import (
    Pruned,
    prune_networks,
    ranked,
    state_dict,
    write,
)
from mmgancomp.errors import ConfigError

from .trained import Trained

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmgancomp.channels.groups import Groups, Kept
    from mmgancomp.families import Network

__all__ = ['Written', 'prune_checkpoint']


@dataclass(frozen=True)
class Written:
    """What pruning has left.

    Attributes:
        trained: The model before.
        pruned: Its networks before and after.
        plan: ``plan.json``.
        slim: ``slim.pth``, the whole model.
    """

    trained: Trained
    pruned: Pruned
    plan: Path
    slim: Path


def prune_checkpoint(config: Config, checkpoint: str | Path,
                     networks: Sequence[str], aim: Aim, folder: Path,
                     source: str, ticket: str | None = None) -> Written:
    """Remove channels from a trained model, without a single update.

    Args:
        config: The model's config.
        checkpoint: Its weights.
        networks: Names of the networks to prune, or ``'all'``.
        aim: What is to stay.
        folder: Where ``plan.json`` and ``slim.pth`` go.
        source: What the config is called, to be noted beside the weights.
        ticket: A lottery ticket that says which filters are empty.

    Raises:
        ConfigError: The networks or the weights are not there, or the aim
            cannot be reached.
    """
    trained = Trained.load(config, checkpoint, networks, ticket)

    def decide(role: str, members: list[Network], groups: Groups) -> Kept:
        if aim.what == 'empty':
            return _emptied(trained, members, groups)
        first = members[0]
        return choose(
            aim, [ranked(network) for network in members], groups,
            Macs(ranked(first), groups, trained.family),
            lambda divisor: divided(trained.config, trained.family, first,
                                    divisor, aim.key))

    pruned = prune_networks(trained.family, trained.chosen, decide)
    if not pruned.networks:
        names = ' and '.join(network.name for network in trained.chosen)
        raise ConfigError.at(
            '--target', aim.word, f'no filter of {names} is zero: masks of '
            'granularity "filter" empty them')
    weights = state_dict(pruned, trained.weights, trained.paths)
    return Written(
        trained, pruned, *write(
            folder, pruned.plan, weights,
            dict(config=source, checkpoint=str(checkpoint), target=aim.word)))


def _emptied(trained: Trained, networks: list[Network],
             groups: Groups) -> Kept | None:
    """What has weights in any of the networks that share the plan.

    None if that is everything.
    """
    gone: list[dict[str, list[int]]] = []
    for network in networks:
        masks = trained.masks(network)
        gone.append(
            removed(groups, empty_channels(ranked(network), groups, masks)))
    plan = {}
    for name, group in groups.items():
        dead = set.intersection(*(set(g.get(name, ())) for g in gone))
        if dead:
            plan[name] = [c for c in range(group.width) if c not in dead]
    return plan or None

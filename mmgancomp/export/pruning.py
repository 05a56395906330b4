"""Removes channels from a trained model, to ``plan.json`` and ``slim.pth``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmgancomp.channels import empty_channels, ranking
from mmgancomp.channels.costs import macs_after, params_after
from mmgancomp.channels.groups import removed
from mmgancomp.channels.pruned import (
    Pruned,
    prune_networks,
    ranked,
    state_dict,
    write,
)
from mmgancomp.channels.slicing import copy_of, cut
from mmgancomp.errors import ConfigError

from .trained import Trained

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn

    from mmgancomp.channels.groups import Groups, Kept
    from mmgancomp.families import Network

__all__ = ['Aim', 'Written', 'prune_checkpoint']


@dataclass(frozen=True)
class Aim:
    """What is to stay of a model, and how that is chosen.

    Attributes:
        what: ``'macs'``, ``'params'``, ``'width'``, or ``'empty'``: filters
            that masks have emptied go.
        share: What may stay of that, 0-1; nothing for ``'empty'``.
        criterion: ``'readers'``, ``'magnitude'`` or ``'random'``.
        allocation: ``'uniform'`` or ``'global'``; for MACs and parameters.
        multiple: Counts are rounded to multiples of it; likewise.
        seed: For ``'random'``.
    """

    what: str
    share: float = 0.
    criterion: str = 'readers'
    allocation: str = 'uniform'
    multiple: int = 8
    seed: int = 0

    @property
    def word(self) -> str:
        """As ``--target`` has it."""
        return self.what if self.what == 'empty' else (
            f'{self.what}={self.share:g}')


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
                     source: str) -> Written:
    """Remove channels from a trained model, without a single update.

    Args:
        config: The model's config.
        checkpoint: Its weights.
        networks: Names of the networks to prune, or ``'all'``.
        aim: What is to stay.
        folder: Where ``plan.json`` and ``slim.pth`` go.
        source: What the config is called, to be noted beside the weights.

    Raises:
        ConfigError: The networks or the weights are not there, or the aim
            cannot be reached.
    """
    trained = Trained.load(config, checkpoint, networks)

    def decide(role: str, members: list[Network], groups: Groups) -> Kept:
        if aim.what == 'empty':
            return _emptied(trained, members, groups)
        return _ranked(aim, trained, role, members, groups)

    pruned = prune_networks(trained.family, trained.chosen, decide)
    weights = state_dict(pruned, trained.weights, trained.paths)
    return Written(
        trained, pruned, *write(
            folder, pruned.plan, weights,
            dict(config=source, checkpoint=str(checkpoint), target=aim.word)))


def _emptied(trained: Trained, networks: list[Network],
             groups: Groups) -> Kept:
    """What has weights in any of the networks that share the plan."""
    gone: list[dict[str, list[int]]] = []
    for network in networks:
        masks = trained.masks(network.name)
        gone.append(
            removed(groups, empty_channels(ranked(network), groups, masks)))
    plan = {}
    for name, group in groups.items():
        dead = set.intersection(*(set(g.get(name, ())) for g in gone))
        if dead:
            plan[name] = [c for c in range(group.width) if c not in dead]
    if not plan:
        raise ConfigError.at(
            '--target', 'empty', f'{networks[0].name} has no filter that is '
            'zero: masks of granularity "filter" empty them')
    return plan


def _ranked(aim: Aim, trained: Trained, role: str, networks: list[Network],
            groups: Groups) -> Kept:
    modules = [ranked(network) for network in networks]
    scores = ranking.scores_of(modules, groups, aim.criterion, aim.seed)
    if aim.what == 'width':
        sizes = trained.divided(role, round(1 / aim.share))
        return ranking.best(scores, sizes)

    def plan_of(fraction: float) -> Kept:
        return ranking.best(
            scores,
            ranking.sizes_for(groups, scores, fraction, aim.allocation,
                              aim.multiple))

    module = modules[0]
    if aim.what == 'params':
        whole = sum(weight.numel() for weight in module.parameters())
        return ranking.reach(
            plan_of, lambda plan: params_after(module, groups, plan) / whole,
            aim.share, '--target', aim.word)
    return ranking.reach_measured(plan_of,
                                  *_macs(trained, module, groups), aim.share,
                                  '--target', aim.word)


def _macs(
    trained: Trained, module: nn.Module, groups: Groups
) -> tuple[Callable[[Kept], float], Callable[[Kept], float]]:
    """Plan → share of the MACs that stays: an estimate, and the count."""
    total, shares = trained.macs(module)

    def count(plan: Kept) -> float:
        small = copy_of(module)
        cut(small, groups, plan)
        return trained.macs(small)[0] / total

    return lambda plan: macs_after(module, groups, plan, shares) / total, count

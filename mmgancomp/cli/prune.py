"""``mmgancomp prune CONFIG CHECKPOINT``: the same model, fewer channels."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmgancomp.cli.common import (
    add_config_options,
    existing_checkpoint,
    load_config,
)
from mmgancomp.errors import ConfigError, closest

if TYPE_CHECKING:
    from torch import nn

    from mmgancomp.channels.groups import Groups, Kept
    from mmgancomp.cli.prune_model import Trained
    from mmgancomp.families import Network

TARGETS = ('macs', 'params', 'width', 'empty')
_CRITERIA = ('readers', 'magnitude', 'random')
_ALLOCATIONS = ('uniform', 'global')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument('config', help='config file, or package::path')
    parser.add_argument('checkpoint', help='the trained model')
    parser.add_argument(
        '--target',
        required=True,
        metavar='WHAT',
        help='macs=0.5 or params=0.5 (share that may stay, at most), '
        'width=0.5 (the widths of divisor=2), or empty (filters that masks '
        'have emptied)')
    parser.add_argument(
        '--out', required=True, metavar='DIR',
        help='folder for plan.json and slim.pth')
    parser.add_argument(
        '--networks',
        nargs='+',
        default=['generator'],
        metavar='NAME',
        help='generator (default), discriminator, or all')
    parser.add_argument(
        '--criterion',
        choices=_CRITERIA,
        default=_CRITERIA[0],
        help='what makes a channel important: |weights that read it| × '
        '|gain of its norm| (default), |weights that write it|, or chance')
    parser.add_argument(
        '--allocation',
        choices=_ALLOCATIONS,
        default=_ALLOCATIONS[0],
        help='the same share of each group (default), or one order of all '
        'channels; for macs and params')
    parser.add_argument(
        '--multiple',
        type=int,
        default=8,
        metavar='N',
        help='round counts to multiples of N where a group is at least '
        'twice as wide (default 8; 1: no rounding); for macs and params')
    parser.add_argument(
        '--seed', type=int, default=0, help='for --criterion random')
    parser.add_argument(
        '--json',
        action='store_true',
        help='print what was done as JSON and nothing else')
    add_config_options(parser)


def run(args: argparse.Namespace) -> int:
    """Prune, write, and say what it cost."""
    what, share = _target(args.target)
    if args.multiple < 1:
        raise ConfigError.at('--multiple', args.multiple,
                             'write a whole number of at least 1')
    existing_checkpoint('checkpoint', args.checkpoint)
    # stdout is for the result: what libraries log goes to stderr.
    with contextlib.redirect_stdout(sys.stderr):
        found = _prune(args, what, share)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        from mmgancomp.cli.prune_tables import print_pruned
        print_pruned(found)
    return 0


def _target(word: str) -> tuple[str, float]:
    what, _, number = word.partition('=')
    if what not in TARGETS:
        raise ConfigError.at('--target', word, closest(what, TARGETS))
    if what == 'empty':
        if number:
            raise ConfigError.at('--target', word, 'empty takes no number')
        return what, 0.
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise ConfigError.at(
            '--target', word, f'write the share that stays, between 0 and '
            f'1, like {what}=0.5')
    if what == 'width' and not math.isclose(
            1 / share, round(1 / share), rel_tol=.02):
        raise ConfigError.at(
            '--target', word, 'a width is one over a divisor: 0.5, 0.33, '
            '0.25, …')
    return what, share


def _prune(args: argparse.Namespace, what: str,
           share: float) -> dict[str, Any]:
    config = load_config(args.config, args.cfg_options)
    from mmgancomp.channels.pruned import prune_networks, state_dict, write
    from mmgancomp.cli.prune_model import Trained
    trained = Trained.load(config, args.checkpoint, args.networks)

    def decide(role: str, networks: list[Network], groups: Groups) -> Kept:
        if what == 'empty':
            return _emptied(trained, networks, groups)
        return _ranked(args, what, share, trained, role, networks, groups)

    pruned = prune_networks(trained.family, trained.chosen, decide)
    weights = state_dict(pruned, trained.weights, trained.paths)
    plan, slim = write(
        Path(args.out), pruned.plan, weights,
        dict(config=args.config, checkpoint=str(args.checkpoint),
             target=args.target))
    return trained.document(pruned, args.config, plan, slim)


def _emptied(trained: Trained, networks: list[Network],
             groups: Groups) -> Kept:
    """What has weights in any of the networks that share the plan."""
    from mmgancomp.channels import empty_channels
    from mmgancomp.channels.groups import removed
    from mmgancomp.channels.pruned import ranked
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


def _ranked(args: argparse.Namespace, what: str, share: float,
            trained: Trained, role: str, networks: list[Network],
            groups: Groups) -> Kept:
    from mmgancomp.channels import ranking
    from mmgancomp.channels.pruned import ranked
    modules = [ranked(network) for network in networks]
    scores = ranking.scores_of(modules, groups, args.criterion, args.seed)
    if what == 'width':
        sizes = trained.divided(role, round(1 / share))
        return ranking.best(scores, sizes)

    def plan_of(fraction: float) -> Kept:
        return ranking.best(
            scores,
            ranking.sizes_for(groups, scores, fraction, args.allocation,
                              args.multiple))

    module = modules[0]
    if what == 'params':
        from mmgancomp.channels.costs import params_after
        whole = sum(weight.numel() for weight in module.parameters())
        return ranking.reach(
            plan_of, lambda plan: params_after(module, groups, plan) / whole,
            share, '--target', args.target)
    return ranking.reach_measured(plan_of,
                                  *_macs(trained, module, groups), share,
                                  '--target', args.target)


def _macs(trained: Trained, module: nn.Module, groups: Groups):
    """Plan → share of the MACs that stays: an estimate, and the count."""
    from mmgancomp.channels.costs import macs_after
    from mmgancomp.channels.slicing import copy_of, cut
    total, shares = trained.macs(module)

    def count(plan: Kept) -> float:
        small = copy_of(module)
        cut(small, groups, plan)
        return trained.macs(small)[0] / total

    return lambda plan: macs_after(module, groups, plan, shares) / total, count

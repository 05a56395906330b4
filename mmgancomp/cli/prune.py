"""``mmgancomp prune CONFIG CHECKPOINT``: the same model, fewer channels."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from mmgancomp.cli.common import (
    add_config_options,
    existing_checkpoint,
    load_config,
)
from mmgancomp.errors import ConfigError

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
        '--ticket',
        metavar='FILE',
        help='with --target empty: a lottery ticket, whose masks count '
        'instead of those in the checkpoint')
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
    from mmgancomp.channels.aims import read_target
    what, share = read_target(args.target, '--target', ['empty'])
    if args.multiple < 1:
        raise ConfigError.at('--multiple', args.multiple,
                             'write a whole number of at least 1')
    existing_checkpoint('checkpoint', args.checkpoint)
    if args.ticket is not None and what != 'empty':
        raise ConfigError.at('--ticket', args.ticket,
                             'says which filters are empty: for --target '
                             'empty')
    # stdout is for the result: what libraries log goes to stderr.
    with contextlib.redirect_stdout(sys.stderr):
        found = _prune(args, what, share)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        from mmgancomp.cli.prune_tables import print_pruned
        print_pruned(found)
    return 0


def _prune(args: argparse.Namespace, what: str,
           share: float) -> dict[str, Any]:
    from mmgancomp.channels.aims import Aim
    from mmgancomp.export.pruning import prune_checkpoint
    aim = Aim(what, share, args.criterion, args.allocation, args.multiple,
              args.seed)
    done = prune_checkpoint(
        load_config(args.config, args.cfg_options), args.checkpoint,
        args.networks, aim, Path(args.out), args.config, args.ticket)
    return done.trained.document(done.pruned, args.config, done.plan,
                                 done.slim)

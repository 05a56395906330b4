"""``mmgancomp profile CONFIG [CHECKPOINT]``: what a network costs."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

from mmgancomp.cli.common import (
    add_config_options,
    existing_checkpoint,
    load_config,
)
from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmgancomp.evaluation.profile_model import Subject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument('config', help='config file, or package::path')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='weights to load; without it they are as initialised')
    parser.add_argument(
        '--against',
        nargs='+',
        metavar=('CONFIG', 'CHECKPOINT'),
        help='compare with another model: the two are timed in turn')
    parser.add_argument(
        '--json',
        action='store_true',
        help='print the document of compression.json and nothing else')
    parser.add_argument(
        '--layers', action='store_true', help='show each layer too')
    parser.add_argument(
        '--batch',
        type=_positive,
        default=1,
        metavar='N',
        help='batch size of the timed forward (default 1); MACs are those '
        'of one sample')
    parser.add_argument(
        '--threads',
        type=_positive,
        metavar='N',
        help="threads of the timed forward (default: torch's choice)")
    parser.add_argument(
        '--networks',
        nargs='+',
        default=['generator'],
        metavar='NAME',
        help='generator (default), discriminator, all, or names of networks')
    parser.add_argument(
        '--size',
        type=_positive,
        metavar='PIXELS',
        help='image edge, for networks that take any')
    add_config_options(parser)


def _positive(word: str) -> int:
    if not word.isdigit() or int(word) < 1:
        raise argparse.ArgumentTypeError(
            f'expected a whole number of at least 1, but got {word!r}')
    return int(word)


def run(args: argparse.Namespace) -> int:
    """Profile, then print a table or the document."""
    given = [[args.config, args.checkpoint]]
    if args.against:
        if len(args.against) > 2:
            raise ConfigError.at('--against', ' '.join(args.against),
                                 'takes CONFIG and at most one CHECKPOINT')
        given.append([*args.against, None][:2])
    # stdout is for the result: what libraries log goes to stderr.
    with contextlib.redirect_stdout(sys.stderr):
        found = _profile(given, args)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        from mmgancomp.cli.tables import print_profile
        print_profile(found)
    return 0


def _profile(given: list[list[str | None]],
             args: argparse.Namespace) -> dict[str, Any]:
    for _, checkpoint in given:
        if checkpoint is not None:
            existing_checkpoint('checkpoint', checkpoint)
    loaded = [_subjects(*pair, args) for pair in given]
    from mmgancomp.evaluation.profile_document import document, model_names
    names = model_names(*zip(*given))
    models = [(name, *pair, chosen)
              for name, pair, chosen in zip(names, given, loaded)]
    return document(
        models, layers=args.layers, batch=args.batch, threads=args.threads)


def _subjects(config: str, checkpoint: str | None,
              args: argparse.Namespace) -> list[Subject]:
    options = args.cfg_options if config == args.config else None
    read = load_config(config, options)
    from mmgancomp.evaluation.profile_model import subjects
    return subjects(read, checkpoint, args.networks, args.size)

"""The console command ``mmgancomp``, and the way into it from ``tools/``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence

from mmgancomp.cli.common import is_main
from mmgancomp.errors import MMGanCompError, closest

__all__ = ['COMMANDS', 'main', 'tool']

COMMANDS = {
    'train': 'train a config, compressed or not',
    'test': 'evaluate a checkpoint with the metrics of a config',
    'plan': 'show what a config will do, and what is wrong with it',
    'profile': 'count parameters, non-zeros, MACs, bytes; time the network',
    'prune': 'remove channels from a trained model, for training it on',
    'report': 'turn finished runs into one HTML page',
    'plugins': 'list the plugins and repairs that are at work',
    'features': 'train the feature network behind digits-FID',
    'demo': 'compress a small GAN on real digits, end to end',
}
"""Command -> what it does, in the order that ``--help`` shows."""

Run = Callable[[argparse.Namespace], 'int | None']

# Exit codes: 2 as argparse has it for wrong usage, 130 as shells do for ^C.
_WRONG, _INTERRUPTED = 2, 130
_PATIENCE = 5.


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``mmgancomp COMMAND …`` and return its exit code.

    Args:
        argv: The words after ``mmgancomp``. Defaults to the command line's.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in argv if not word.startswith('-')), None)
    parser = argparse.ArgumentParser(
        prog='mmgancomp',
        description="Make MMagic's GANs smaller, by config.",
        epilog='mmgancomp COMMAND --help says more about one command.')
    parser.add_argument(
        '--version', action='store_true', help='print the version and exit')
    commands = parser.add_subparsers(metavar='COMMAND')
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(
            name, help=purpose, description=_sentence(purpose))
        if name == chosen:
            command.set_defaults(run=_fill(command, name))
    if chosen not in COMMANDS and '--version' not in argv:
        try:
            _add_plugin_commands(commands, chosen)
        except MMGanCompError as error:
            return _fail(error)
    args = parser.parse_args(argv)
    if args.version:
        from mmgancomp import __version__
        print(__version__)
        return 0
    if not hasattr(args, 'run'):
        parser.print_help()
        return _WRONG
    return _call(args.run, args)


def tool(name: str, argv: Sequence[str] | None = None) -> int:
    """Run one command as a script of its own: ``tools/<name>.py …``.

    Args:
        name: A key of :data:`COMMANDS`.
        argv: The words after the script. Defaults to the command line's.
    """
    parser = argparse.ArgumentParser(
        prog=f'{name}.py', description=_sentence(COMMANDS[name]))
    run = _fill(parser, name)
    return _call(run, parser.parse_args(argv))


def _fill(parser: argparse.ArgumentParser, name: str) -> Run:
    """Let a command's module declare its arguments; gives what runs it."""
    module = importlib.import_module(f'mmgancomp.cli.{name}')
    parser.description = getattr(module, 'DESCRIPTION', parser.description)
    module.add_arguments(parser)
    return module.run


def _sentence(purpose: str) -> str:
    return f'{purpose[0].upper()}{purpose[1:]}.'


def _add_plugin_commands(commands, chosen: str | None) -> None:
    """Add what plugins bring; imports them only where there are any.

    Without a third-party plugin ``--help`` need not import torch, which the
    built-in families do.
    """
    from importlib.metadata import entry_points
    strangers = [
        point for point in entry_points(group='mmgancomp')
        if point.dist is None or point.dist.name != 'mmgancomp'
    ]
    if not strangers:
        if chosen is not None:
            raise _unknown(chosen, COMMANDS)
        return
    from mmgancomp import plugins
    known = set(COMMANDS)
    for found in plugins.manager().hook.mmgancomp_commands():
        for command in found:
            if command.name in known:
                raise MMGanCompError(
                    f'a plugin brings a command {command.name!r}, which '
                    'there is already; it must choose another name, or be '
                    'switched off')
            known.add(command.name)
            parser = commands.add_parser(
                command.name,
                help=command.help,
                description=_sentence(command.help))
            command.add_arguments(parser)
            parser.set_defaults(run=command.run)
    if chosen is not None and chosen not in known:
        raise _unknown(chosen, known)


def _unknown(name: str, known) -> MMGanCompError:
    return MMGanCompError(f'no command {name!r}: {closest(name, known)}')


def _call(run: Run, args: argparse.Namespace) -> int:
    """Run a command; a wrong setting is a sentence, not a traceback."""
    # Old libraries that MMagic imports warn at each start; no user can help.
    warnings.filterwarnings(
        'ignore',
        category=FutureWarning,
        module=r'(transformers|diffusers)\.')
    warnings.filterwarnings('ignore', message='pkg_resources is deprecated')
    try:
        return run(args) or 0
    except MMGanCompError as error:
        return _fail(error)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _fail(error: MMGanCompError) -> int:
    if not is_main():
        # Every process of a machine meets the same error. The first one has
        # time to say so, whereupon the launcher stops this one.
        time.sleep(_PATIENCE)
    print(f'error: {error}', file=sys.stderr, flush=True)
    return _WRONG


if __name__ == '__main__':
    sys.exit(main())

"""``mmgancomp demo``: a stock GAN on real digits, compressed end to end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from mmgancomp.demo.course import Demo

__all__ = ['DESCRIPTION', 'add_arguments', 'run']

DESCRIPTION = (
    "Train MMagic's SNGAN-projection, small, on the handwritten digits of "
    'scikit-learn; remove 90 %% of the weights of its generator in five '
    'ways, and half of its channels in three; show what was lost and '
    'gained. About ten minutes on two CPU cores, nothing is downloaded. What '
    'was finished before is not done again.')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        '--out',
        default='work_dirs/demo',
        metavar='DIR',
        help='where everything goes (default: %(default)s)')
    parser.add_argument(
        '--seed',
        type=_seed,
        default=0,
        metavar='N',
        help='seed of the trainings (default: %(default)s)')
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        '--fresh',
        action='store_true',
        help='remove what an earlier demo left in DIR, and start from '
        'nothing')
    again.add_argument(
        '--resume',
        action='store_true',
        help='do what is missing without asking; what happens anyway where '
        'there is no terminal')
    parser.add_argument(
        '--verbose',
        action='store_true',
        help='show the log of the trainings, too, which else goes to '
        'DIR/demo.log')


def _seed(word: str) -> int:
    if not word.isdigit() or int(word) >= 2**32:
        raise argparse.ArgumentTypeError(
            f'expected a whole number from 0 to {2**32 - 1}, but got '
            f'{word!r}')
    return int(word)


def run(args: argparse.Namespace,
        overrides: Mapping[str, Mapping[str, Any]] | None = None) -> int:
    """Run the demo, or what is missing of it, and show the results.

    Args:
        args: The flags.
        overrides: See :class:`mmgancomp.demo.course.Demo`.

    Returns:
        0; 1 if a check is missed.
    """
    from rich.console import Console

    from mmgancomp.demo.course import Demo
    from mmgancomp.demo.screen import Screen

    # To this stream, also while `sys.stdout` is somewhere else. A pipe has
    # no width: let a row be as long as it needs.
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=120)
    demo = Demo(Path(args.out), args.seed, overrides, args.verbose)
    console.print(
        '[bold]mmgancomp demo[/bold]: a stock GAN on real digits, '
        'compressed end to end',
        highlight=False)
    if args.fresh:
        demo.forget()
    elif not _go_on(console, demo, ask=not args.resume):
        return 0
    # Bars would be torn by a log between them.
    live = console.is_terminal and not args.verbose
    try:
        record = demo.run(Screen(console, live))
    except KeyboardInterrupt:
        console.print(
            'What is finished stays; the same command goes on from here.')
        raise
    from mmgancomp.demo.tables import print_results
    met = print_results(console, record, demo.folder, _commands(demo, record))
    return 0 if met else 1


def _go_on(console: Console, demo: Demo, ask: bool) -> bool:
    """Say what is there, and ask what to do with it; False: nothing."""
    entries = demo.status()
    lines = []
    for name, entry in entries.items():
        if entry.state == 'finished':
            lines.append(f'  {name}: finished')
        elif entry.state == 'begun':
            lines.append(f'  {name}: begun')
        elif entry.why:
            lines.append(f'  {name}: {entry.why}; would be made anew')
    if not lines:
        return True
    for line in (f'There already, in {demo.folder}:', *lines):
        # A path is not to be broken, nor its brackets read as markup.
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not ask or not (console.is_terminal and sys.stdin.isatty()):
        console.print(
            'Going on with that (--fresh starts from nothing).',
            highlight=False)
        return True
    return _asked(console, demo)


def _asked(console: Console, demo: Demo) -> bool:
    from rich.prompt import Prompt
    try:
        answer = Prompt.ask(
            'Go on with that (resume), remove it and start anew (fresh), or '
            'leave (quit)?',
            console=console,
            choices=['resume', 'fresh', 'quit'],
            default='resume')
    except EOFError:  # Ctrl-D
        answer = 'quit'
    if answer == 'fresh':
        demo.forget()
    return answer != 'quit'


def _commands(demo: Demo, record: Mapping[str, Any]) -> dict[str, str]:
    """Commands that go further than the demo."""
    from mmgancomp.cli.common import command_line
    model = record['models'][-1]
    config, checkpoint = model['config'], model['checkpoint']
    return {
        'Layers':
        command_line('profile', config, str(demo.folder / checkpoint),
                     '--layers'),
        'Plan':
        command_line('plan', config)
    }

"""``mmgancomp train CONFIG``: MMagic's training command, repairs applied."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmgancomp.cli.common import (
    add_config_options,
    add_launcher,
    command_line,
    is_main,
    load_config,
    set_work_dir,
)
from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare MMagic's flags, in MMagic's spelling."""
    parser.add_argument('config', help='config file, or package::path')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints; beats the config, which '
        "beats ./work_dirs/<the config's name>")
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on from the newest checkpoint in the work folder, or start '
        'if there is none; from another one with '
        '--cfg-options load_from=PATH')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train in mixed precision (needs an accelerator)')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale learning rates by batch size ÷ '
        'auto_scale_lr.base_batch_size of the config')
    add_config_options(parser)
    add_launcher(parser)


def run(args: argparse.Namespace) -> int:
    """Train, then say where everything is."""
    # What torch.distributed reads; some launchers pass it as a flag only.
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    config = load_config(args.config, args.cfg_options)
    config.launcher = args.launcher
    set_work_dir(config, args.work_dir, args.config)
    if args.amp:
        from mmgancomp.cli.amp import enable_amp
        enable_amp(config)
    if args.auto_scale_lr:
        _scale_learning_rates(config)
    if args.resume:
        _resume(config, args.cfg_options or [])

    from mmengine.runner import Runner

    from mmgancomp.runtime.entries import check_entries
    check_entries(config)
    if config.get('train_cfg') is None:
        raise ConfigError.at('train_cfg', None,
                             'says how long to train, and is needed')
    runner = Runner.from_cfg(config)
    try:
        runner.train()
    except KeyboardInterrupt:
        if is_main():
            again = _words(args, config)
            print(
                f'\ninterrupted at iteration {runner.iter}. To go on from '
                'the newest checkpoint:\n  '
                f'{command_line("train", *again, "--resume")}',
                file=sys.stderr)
        return _INTERRUPTED
    if is_main():
        print(_ending(args, config, runner))
    return 0


def _scale_learning_rates(config: Config) -> None:
    """Put the flag where MMEngine reads it; MMagic's command drops it."""
    settings = config.get('auto_scale_lr')
    if not settings or 'base_batch_size' not in settings:
        raise ConfigError.at(
            'auto_scale_lr', settings,
            '--auto-scale-lr needs the batch size that the learning rates '
            'were chosen for: auto_scale_lr=dict(base_batch_size=…)')
    config.auto_scale_lr.enable = True


def _resume(config: Config, options: list[str]) -> None:
    """Let ``--resume`` mean this run, also where the config has load_from.

    MMEngine would resume from ``load_from``, which in a config of two
    stages is the end of the *other* run.
    """
    config.resume = True
    if any(word.startswith('load_from=') for word in options):
        return
    if config.get('load_from') is None:
        return
    from mmengine.runner import find_latest_checkpoint
    if find_latest_checkpoint(config.work_dir) is None:
        config.resume = False  # nothing of this run yet: start it
    else:
        config.load_from = None


def _words(args: argparse.Namespace, config: Config) -> list[str]:
    """The arguments with which this run would be started again."""
    words = [args.config, '--work-dir', str(config.work_dir)]
    words += ['--amp'] * args.amp + ['--auto-scale-lr'] * args.auto_scale_lr
    if args.cfg_options:
        words += ['--cfg-options', *args.cfg_options]
    return words


def _ending(args: argparse.Namespace, config: Config, runner: Runner) -> str:
    """Where the run's files lie, and what to do with them."""
    from mmengine.runner import find_latest_checkpoint
    folder = Path(config.work_dir)
    lines = [f'Logs         {runner.log_dir}']
    newest = find_latest_checkpoint(str(folder))
    record = folder / 'compression.json'
    todo = []
    if newest is None:
        lines.append(f'Checkpoints  none was written to {folder}')
    else:
        lines.append(f'Checkpoints  {folder} (newest: {Path(newest).name})')
        if config.get('test_cfg') is not None:
            todo.append(command_line('test', args.config, newest))
        todo.append(command_line('profile', args.config, newest))
    if record.is_file():
        lines.append(f'Record       {record}')
        todo.append(command_line('report', str(folder)))
    if todo:
        lines += ['Next', *(f'  {command}' for command in todo)]
    return '\n'.join(lines)

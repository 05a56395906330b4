"""``mmgancomp test CONFIG CHECKPOINT``: MMagic's evaluation command."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmgancomp.cli.common import (
    add_config_options,
    add_launcher,
    existing_checkpoint,
    is_main,
    load_config,
    set_work_dir,
)
from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.runner import Runner

_SUFFIXES = ('.json', '.yaml', '.yml', '.pkl', '.pickle')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare MMagic's flags, in MMagic's spelling."""
    parser.add_argument('config', help='config file, or package::path')
    parser.add_argument(
        'checkpoint',
        help='checkpoint file or address, or what `export` wrote')
    parser.add_argument(
        '--out', help=f'write the metrics to this file ({_SUFFIXES[0]}, …)')
    parser.add_argument(
        '--work-dir',
        help='folder for the log and what evaluators write; beats the '
        "config, which beats ./work_dirs/<the config's name>")
    add_config_options(parser)
    add_launcher(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the metrics, and write them if asked."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.out and not args.out.endswith(_SUFFIXES):
        raise ConfigError.at('--out', args.out,
                             f'must end in one of {", ".join(_SUFFIXES)}')
    config = load_config(args.config, args.cfg_options)
    config.launcher = args.launcher
    set_work_dir(config, args.work_dir, args.config)
    from mmgancomp.export.place import exported_kind, find, put
    from mmgancomp.families.base import bare
    from mmgancomp.repairs.reading import read_checkpoint
    from mmgancomp.runtime.weights import check_some_fit
    exported = exported_kind(args.checkpoint) is not None
    if not (exported and find(args.checkpoint)):
        existing_checkpoint('checkpoint', args.checkpoint)
    # Exported files are put in place below.
    config.load_from = None if exported else args.checkpoint
    # A config that resumes training would look for optimizers in the file.
    config.resume = False
    for key in ('test_cfg', 'test_dataloader', 'test_evaluator'):
        if config.get(key) is None:
            raise ConfigError.at(
                key, None, 'this config has nothing to test with; give all '
                'of test_cfg, test_dataloader and test_evaluator')

    import mmengine
    from mmengine.runner import Runner
    from rich.console import Console
    from rich.table import Table
    runner = Runner.from_cfg(config)
    if exported:
        put(runner.model, args.checkpoint)
    elif '://' not in args.checkpoint:
        # MMEngine would evaluate fresh weights where none fit.
        check_some_fit(
            bare(runner.model), read_checkpoint(args.checkpoint, 'cpu'),
            'checkpoint', args.checkpoint)
    # Building draws initial weights, of an exported model others than of its
    # source: without this, the two would be evaluated on other noise.
    runner.set_randomness(
        **dict(runner._randomness_cfg, seed=runner.seed))
    metrics = _metrics_of(runner)
    if not is_main():
        return 0
    table = Table('metric', 'value', title=Path(args.checkpoint).name)
    for name, value in metrics.items():
        shown = f'{value:.4f}' if isinstance(value, float) else str(value)
        table.add_row(name, shown)
    Console().print(table)
    print(f'Logs  {runner.log_dir}')
    if args.out:
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        mmengine.dump(metrics, args.out)
        print(f'Metrics  {args.out}')
    return 0


def _metrics_of(runner: Runner) -> dict[str, Any]:
    """Run the test loop; MMagic's tells its metrics to hooks only."""
    from mmengine.hooks import Hook

    class Listener(Hook):

        def after_test_epoch(self, runner, metrics=None):
            found.update({
                # Some metrics are tensors, which no file format takes.
                name: value.item() if hasattr(value, 'item') else value
                for name, value in (metrics or {}).items()
            })

    found: dict[str, Any] = {}
    runner.register_hook(Listener(), 'LOWEST')
    runner.test()
    return found

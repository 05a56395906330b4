"""The demo with settings so small that all of it takes seconds.

Also a script, for a demo that has to die: ``python tiny_demo.py OUT ROW
ITERATION`` runs it and kills itself (SIGKILL) in the training of ROW.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

__all__ = ['ITERATIONS', 'OVERRIDES', 'run']

ITERATIONS = 6

_TINY = {
    'model.discriminator.base_channels': 8,
    'model.ema_config.start_iter': 1,
    'train_dataloader.batch_size': 8,
    'train_cfg.max_iters': ITERATIONS,
    'train_cfg.val_interval': ITERATIONS,
    'param_scheduler.begin': 2,
    'param_scheduler.end': ITERATIONS,
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.logger.interval': 2,
    'val_evaluator.metrics.0.fake_nums': 100,
    'test_evaluator.metrics.0.fake_nums': 100,
}
_NARROW = {'model.generator.base_channels': 8}
_OFTEN = 'default_hooks.sparsity.networks.generator.schedule.interval'
_GRADUAL = ('agp-90', 'agp-output-l1-90', 'self-supervised-90')

OVERRIDES: dict[str, dict[str, Any]] = {
    'all': _TINY,
    **dict.fromkeys(('dense', 'oneshot-finetuned-90'), _NARROW),
    **dict.fromkeys(_GRADUAL, {**_NARROW, _OFTEN: 1}),
    # The first two share a config, and so their settings.
    **dict.fromkeys(('half-channels', 'half-width-distilled'), {
        'model.generator.network.base_channels': 8
    }),
}


def run(*words: str, overrides: dict[str, Any] | None = None) -> int:
    """``mmgancomp demo WORDS…``, tiny."""
    from mmgancomp.cli import demo
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    return demo.run(parser.parse_args(words), overrides or OVERRIDES)


def _die_in(row: str, iteration: int) -> None:
    """Let the training of a row kill this process after an iteration."""
    from mmengine.hooks import Hook

    from mmgancomp.demo import running

    class Killer(running._Ticker):

        def after_train_iter(self, runner: Any, *args: Any,
                             **kwargs: Any) -> None:
            here = Path(runner.work_dir).name
            if here == row and runner.iter + 1 == iteration:
                os.kill(os.getpid(), signal.SIGKILL)

    assert issubclass(Killer, Hook)
    running._Ticker = Killer


if __name__ == '__main__':
    out, row, iteration = sys.argv[1:]
    _die_in(row, int(iteration))
    sys.exit(run('--out', out))

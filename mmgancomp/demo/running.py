"""Training and scoring of one row, by MMEngine's Runner as any user's run."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import torch
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner, find_latest_checkpoint

from mmgancomp.errors import MMGanCompError
from mmgancomp.runtime.entries import check_entries

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['Tick', 'one_thread', 'point_at', 'quiet', 'score', 'train']

Tick = Callable[[int, int], None]
"""Told after every iteration: how many are done, and of how many."""


class _Ticker(Hook):
    """Tells how far the training is, after everything else is done."""

    priority = 'LOWEST'

    def __init__(self, tick: Tick) -> None:
        self._tick = tick

    def before_train(self, runner: Runner) -> None:
        self._tick(runner.iter, runner.max_iters)

    def after_train_iter(self, runner: Runner, *args: object,
                         **kwargs: object) -> None:
        self._tick(runner.iter + 1, runner.max_iters)


class _Listener(Hook):
    """Keeps the metrics; MMagic's test loop tells them to hooks only."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}

    def after_test_epoch(self, runner: Runner,
                         metrics: dict | None = None) -> None:
        self.metrics = {k: float(v) for k, v in (metrics or {}).items()}


def point_at(config: Config, dense: Config, checkpoint: Path,
             start: Path) -> None:
    """Put this demo's models where a config names one.

    Args:
        config: The config; it may start from weights, have the dense model
            for a teacher, or both.
        dense: Config of the dense model.
        checkpoint: Its weights.
        start: The weights to start from.
    """
    if config.get('load_from'):
        config.load_from = str(start)
    teaching = config.default_hooks.get('distillation')
    if teaching:
        teaching.teacher.checkpoint = str(checkpoint)
        if teaching.teacher.get('config'):
            teaching.teacher.config = dict(model=dense.model.to_dict())


def train(config: Config, folder: Path, tick: Tick) -> Path:
    """Train a config, from its newest checkpoint on if there is one.

    Args:
        config: The config.
        folder: Work folder.
        tick: Is told about every iteration.

    Returns:
        The last checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config.work_dir = str(folder)
    there = find_latest_checkpoint(str(folder))
    config.resume = there is not None
    # MMEngine resumes from `load_from` where there is one.
    config.load_from = None if there else config.get('load_from')
    check_entries(config)
    runner = Runner.from_cfg(config)
    runner.register_hook(_Ticker(tick))
    runner.train()
    last = find_latest_checkpoint(str(folder))
    if last is None:
        raise MMGanCompError(f'the run in {folder} has left no checkpoint')
    return Path(last)


def score(config: Config, folder: Path, checkpoint: Path) -> dict[str, float]:
    """The metrics of a checkpoint, as ``mmgancomp test`` gives them.

    Args:
        config: The config.
        folder: Where the log goes.
        checkpoint: The weights.
    """
    config.work_dir = str(folder)
    config.load_from, config.resume = str(checkpoint), False
    runner = Runner.from_cfg(config)
    listener = _Listener()
    runner.register_hook(listener)
    runner.test()
    return listener.metrics


@contextlib.contextmanager
def quiet(log: Path | None) -> Iterator[None]:
    """Let a file have what libraries print, in place of the terminal.

    Args:
        log: The file, appended to; None leaves everything where it is.
    """
    if log is None:
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    outside = (sys.stdout, sys.stderr)
    with open(log, 'a', encoding='utf-8') as file, \
            contextlib.redirect_stdout(file), \
            contextlib.redirect_stderr(file):
        _point_loggers(outside, file)
        try:
            yield
        finally:
            _point_loggers((file, ), outside[1])


def _point_loggers(streams: Sequence[TextIO], to: TextIO) -> None:
    """Loggers keep the stream that they were made with: give them another."""
    known = [logging.getLogger(), *MMLogger._instance_dict.values()]
    for logger in known:
        for handler in logger.handlers:
            if getattr(handler, 'stream', None) in streams:
                handler.setStream(to)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: small layers gain nothing from more.

    The sums inside a convolution depend on the number of threads, too: with
    one, the demo gives the same numbers on every machine of a kind.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

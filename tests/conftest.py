"""What holds for every test: one thread, fixed seeds, no state left over."""

from __future__ import annotations

import itertools
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

# Before torch is imported, and for the processes that tests start.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')

import hypothesis
import numpy as np
import pytest
import torch

torch.set_num_threads(1)

# No deadline: the first call of a torch function is slow. To look further
# than the same 30 examples: HYPOTHESIS_PROFILE=explore.
hypothesis.settings.register_profile(
    'ci', derandomize=True, deadline=None, max_examples=30)
hypothesis.settings.register_profile(
    'explore', deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get('HYPOTHESIS_PROFILE', 'ci'))


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _seeds():
    """Start every test from the same random state, whatever ran before."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope='session')
def _no_namesakes() -> Iterator[None]:
    """Tell apart the runs of one process.

    MMEngine names a run by the second it starts in, and shares logger,
    message hub and visualizer between namesakes: on a fast machine, two runs
    of one test would be one.
    """
    from mmengine.runner import Runner
    numbers = itertools.count()
    setup_env = Runner.setup_env

    def numbered(runner: Runner, *args: object) -> None:
        setup_env(runner, *args)
        runner._timestamp += f'_{next(numbers)}'

    patch = pytest.MonkeyPatch()
    patch.setattr(Runner, 'setup_env', numbered)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _leave_nothing_behind():
    """Undo what a Runner sets for the whole process."""
    yield
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)
    torch.set_grad_enabled(True)
    if 'mmengine.logging' not in sys.modules:
        return
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            # The stream handler's is the terminal: close log files only.
            if hasattr(handler, 'baseFilename'):
                handler.close()
    for kind in (MMLogger, MessageHub, Visualizer, DefaultScope):
        kind._instance_dict.clear()

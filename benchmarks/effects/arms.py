"""One training of a comparison: an arm, under one seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mmgancomp.runtime.record import read_record

__all__ = ['Arm', 'train_all', 'work_folder']

ROOT = Path(__file__).parents[2]
# MMEngine looks packages up in a way that two threads can't do at once.
_READING = threading.Lock()


@dataclass(frozen=True)
class Arm:
    """What is trained.

    Attributes:
        name: Its name in the table.
        config: Path of the config, from the root of the project.
        options: Folder of an earlier arm (a function of its name) → settings
            that differ from the config, as ``--cfg-options`` has them.
        after: Names of arms that must be done before.
    """

    name: str
    config: str
    options: Callable[[Callable[[str], Path]], Mapping[str, Any]] = field(
        default=lambda folder: {})
    after: Sequence[str] = ()


def train_all(arms: Sequence[Arm], seeds: Sequence[int], out: Path,
              jobs: int) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """Train every arm under every seed.

    Finished runs are taken as they are, and interrupted ones go on.

    Args:
        arms: An arm stands after those that it needs.
        seeds: Seeds of the runs.
        out: Where the work folders go.
        jobs: Runs at a time, each on one thread.

    Returns:
        Arm → seed → the models of the run's record.
    """
    done: dict[tuple[str, int], Any] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for arm in arms:
            for seed in seeds:
                needed = [done[name, seed] for name in arm.after]
                done[arm.name, seed] = pool.submit(
                    _train, arm, seed, out, needed)
        return {
            arm.name: {seed: done[arm.name, seed].result()
                       for seed in seeds}
            for arm in arms
        }


def work_folder(out: Path, seed: int, name: str) -> Path:
    """Where the run of an arm under a seed is."""
    return out / f'{name}-seed{seed}'


def _train(arm: Arm, seed: int, out: Path,
           needed: Sequence[Any]) -> list[dict[str, Any]]:
    for other in needed:
        other.result()

    folder = partial(work_folder, out, seed)
    own = folder(arm.name)
    marker = own / 'done'
    options = {**arm.options(folder), 'randomness.seed': seed}
    text = json.dumps({k: str(v) for k, v in options.items()}, indent=1)
    if not (marker.is_file() and marker.read_text() == text):
        own.mkdir(parents=True, exist_ok=True)
        config = own / 'config.py'
        _write(ROOT / arm.config, options, config)
        print(f'  {arm.name}, seed {seed}: training, see '
              f'{own / "output.log"}', flush=True)
        with (own / 'output.log').open('w') as log:
            code = subprocess.call(
                [sys.executable, str(ROOT / 'tools/train.py'), str(config),
                 '--work-dir', str(own), '--resume'],
                cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, 'OMP_NUM_THREADS': '1'})
        if code:
            tail = (own / 'output.log').read_text().splitlines()[-5:]
            raise RuntimeError(f'{arm.name}, seed {seed}: training failed: '
                               + '\n'.join(tail))
        marker.write_text(text)
    models = read_record(own)['models']
    print(f'  {arm.name}, seed {seed}: ' + '; '.join(
        ', '.join(f'{key} {value:.3g}'
                  for key, value in model['metrics'].items())
        for model in models), flush=True)
    return models


def _write(base: Path, options: Mapping[str, Any], path: Path) -> None:
    from mmengine.config import Config

    import mmgancomp.registry  # noqa: F401
    with _READING:
        config = Config.fromfile(str(base))
    config.merge_from_dict(dict(options))
    config.dump(str(path))

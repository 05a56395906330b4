"""One training of a comparison: an arm, under one seed; and what it cuts."""

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

__all__ = ['PRUNED', 'Arm', 'Cut', 'train_all', 'work_folder', 'written']

ROOT = Path(__file__).parents[2]
PRUNED = 'pruned.json'
# MMEngine looks packages up in a way that two threads can't do at once.
_READING = threading.Lock()

Folder = Callable[[str], Path]


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
    options: Callable[[Folder], Mapping[str, Any]] = field(
        default=lambda folder: {})
    after: Sequence[str] = ()


@dataclass(frozen=True)
class Cut:
    """What ``mmgancomp prune`` cuts out of an arm; nothing is trained.

    Its folder has ``plan.json``, ``slim.pth``, and in ``pruned.json`` what
    the command prints.

    Attributes:
        name: For those that come after it; it is no row of the table.
        config: Path of the config of the model that is cut.
        checkpoint: Folder of an earlier arm → the weights.
        flags: The command's.
        after: Names of arms that must be done before.
    """

    name: str
    config: str
    checkpoint: Callable[[Folder], Path]
    flags: Sequence[str]
    after: Sequence[str]


def train_all(arms: Sequence[Arm | Cut], seeds: Sequence[int], out: Path,
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
                step = _train if isinstance(arm, Arm) else _cut
                done[arm.name, seed] = pool.submit(
                    step, arm, seed, out, needed)
        return {
            arm.name: {seed: done[arm.name, seed].result()
                       for seed in seeds}
            for arm in arms if isinstance(arm, Arm)
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
    options = {**arm.options(folder), 'randomness.seed': seed}
    config = own / 'config.py'

    def run() -> None:
        written(arm.config, options).dump(str(config))
        print(f'  {arm.name}, seed {seed}: training, see '
              f'{own / "output.log"}', flush=True)
        _call(f'{arm.name}, seed {seed}: training',
              [str(ROOT / 'tools/train.py'), str(config),
               '--work-dir', str(own), '--resume'], own / 'output.log')

    _once(own, options, run)
    models = read_record(own)['models']
    print(f'  {arm.name}, seed {seed}: ' + '; '.join(
        ', '.join(f'{key} {value:.3g}'
                  for key, value in model['metrics'].items())
        for model in models), flush=True)
    return models


def _cut(cut: Cut, seed: int, out: Path, needed: Sequence[Any]) -> None:
    for other in needed:
        other.result()

    folder = partial(work_folder, out, seed)
    own = folder(cut.name)
    words = [cut.config, str(cut.checkpoint(folder)), *cut.flags]

    def run() -> None:
        _call(f'{cut.name}, seed {seed}: pruning',
              [str(ROOT / 'tools/prune.py'), *words, '--out', str(own),
               '--json'], own / 'output.log', own / PRUNED)

    _once(own, dict(enumerate(words)), run)


def _once(own: Path, settings: Mapping[Any, Any],
          run: Callable[[], None]) -> None:
    """Run, unless that is done, with the same settings."""
    marker = own / 'done'
    text = json.dumps({k: str(v) for k, v in settings.items()}, indent=1)
    if not (marker.is_file() and marker.read_text() == text):
        own.mkdir(parents=True, exist_ok=True)
        run()
        marker.write_text(text)


def _call(what: str, words: Sequence[str], log: Path,
          out: Path | None = None) -> None:
    """Python, on one thread; what it says goes to a log, or a result."""
    out = out or log
    for path in (log, out):
        path.write_text('')
    with log.open('a') as notes, out.open('a') as output:
        code = subprocess.call(
            [sys.executable, *words], cwd=ROOT, stdout=output, stderr=notes,
            env={**os.environ, 'OMP_NUM_THREADS': '1'})
    if code:
        tail = log.read_text().splitlines()[-5:]
        raise RuntimeError(f'{what} failed: ' + '\n'.join(tail))


def written(base: str, options: Mapping[str, Any]) -> Any:
    """The config of an arm.

    Args:
        base: Path of the config that it differs from.
        options: How.
    """
    from mmengine.config import Config

    import mmgancomp.registry  # noqa: F401
    with _READING:
        config = Config.fromfile(str(ROOT / base))
    config.merge_from_dict(dict(options))
    return config

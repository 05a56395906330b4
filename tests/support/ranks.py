"""Run cells of the matrix on two processes that talk over gloo."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.cells import UPDATES

__all__ = ['configs', 'report', 'results', 'start']


def start(cases: list[Any],
          folder: Path,
          module: str = 'tests.support.ranks',
          updates: int = UPDATES) -> list[subprocess.Popen]:
    """Start two processes that train the cases one after the other.

    Args:
        cases: Data classes.
        folder: For ``cases.json``, ``faults.json`` and the work folders.
        module: What the processes run; it is given the folder and the
            number of updates.
        updates: Iterations of a run.
    """
    (folder / 'cases.json').write_text(json.dumps([asdict(c) for c in cases]))
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    root = Path(__file__).resolve().parent.parent.parent
    processes = []
    for rank in range(2):
        environment = {
            **os.environ, 'RANK': str(rank),
            'LOCAL_RANK': str(rank),
            'WORLD_SIZE': '2',
            'MASTER_ADDR': '127.0.0.1',
            'MASTER_PORT': str(port),
            'OMP_NUM_THREADS': '1',
            'PYTHONPATH': str(root)
        }
        with (folder / f'rank{rank}.log').open('w') as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, '-m', module,
                     str(folder), str(updates)],
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT))
    return processes


def results(processes: list[subprocess.Popen],
            folder: Path,
            timeout: float = 600) -> dict[str, list[str]]:
    """Wait; faults by case, as rank 0 saw them.

    Raises:
        RuntimeError: With the end of the log, if a process failed.
    """
    try:
        for rank, process in enumerate(processes):
            if process.wait(timeout):
                log = (folder / f'rank{rank}.log').read_text()
                raise RuntimeError(f'rank {rank} failed:\n{log[-4000:]}')
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    return json.loads((folder / 'faults.json').read_text())


def configs(folder: Path, kind: type,
            build: Callable[[Any, Path], Any]) -> Iterator[tuple[Any, Any]]:
    """In one of the processes: each case and its config, ready to run.

    Args:
        folder: As for :func:`start`.
        kind: The cases' class.
        build: Gives the config of a case in a work folder; it may write
            files, so rank 0 does it before the others.
    """
    import torch
    from mmengine.dist import barrier, get_rank
    torch.set_num_threads(1)
    _join(folder)
    for entry in json.loads((folder / 'cases.json').read_text()):
        case = kind(**entry)
        if get_rank() == 0:
            build(case, folder / str(case))
        barrier()
        config = build(case, folder / str(case))
        barrier()
        config.launcher = 'pytorch'
        yield case, config


def report(folder: Path, faults: dict[str, list[str]]) -> None:
    """In one of the processes: leave the faults for :func:`results`."""
    from mmengine.dist import get_rank
    if get_rank() == 0:
        (folder / 'faults.json').write_text(json.dumps(faults))


def _fingerprint(runner: Any) -> str:
    """All trained weights and masks of this rank."""
    from mmgancomp import families
    from mmgancomp.sparsity import MaskedNetwork
    model = families.base.bare(runner.model)
    total = hashlib.blake2b(digest_size=8)
    for network in families.of(model).networks(model).values():
        for parameter in network.module.parameters():
            total.update(parameter.detach().numpy().tobytes())
        masked = MaskedNetwork.of(network.module)
        total.update(masked.digest().encode() if masked else b'none')
        if network.ema is not None:
            for parameter in network.ema.parameters():
                total.update(parameter.detach().numpy().tobytes())
    return total.hexdigest()


def _compare_hook() -> Any:
    from mmengine.dist import all_gather_object
    from mmengine.hooks import Hook

    class Compare(Hook):
        """Ranks compare all weights and masks after every iteration."""

        priority = 'LOW'

        def __init__(self):
            self.faults, self.compared = [], 0

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            # Before the model's preprocessor takes the batch apart.
            seen = all_gather_object(_pixels(data_batch))
            if runner.iter == 0 and len(set(seen)) == 1:
                self.faults.append('both ranks got the same data')

        def after_train_iter(self, runner, batch_idx, data_batch=None,
                             outputs=None):
            self.compared += 1
            found = all_gather_object(_fingerprint(runner))
            if len(set(found)) > 1:
                self.faults.append(f'iteration {runner.iter}: ranks differ')

    return Compare()


def _pixels(batch: Any) -> bytes:
    images = batch['inputs']
    if isinstance(images, dict):
        images = [image for domain in images.values() for image in domain]
    images = images or [s.gt_img for s in batch['data_samples']]
    return b''.join(image.numpy().tobytes() for image in images)


def _work(folder: Path, updates: int) -> None:
    import torch
    from mmengine.dist import barrier, get_rank

    import mmgancomp.registry  # noqa: F401
    from tests.support import matrix, runs
    from tests.support.cells import Case
    torch.set_num_threads(1)
    _join(folder)
    faults = {}
    for entry in json.loads((folder / 'cases.json').read_text()):
        case = Case(**entry)
        compare, watch = _compare_hook(), runs.Watch()
        if get_rank() == 0:
            config = matrix.build(case, folder / str(case), updates=updates)
        barrier()
        config = matrix.build(case, folder / str(case), updates=updates,
                              env_cfg=dict(cudnn_benchmark=False))
        barrier()
        config.launcher = 'pytorch'
        runner = runs.train(config, watch, compare)
        found = compare.faults + matrix.judge(case, runner, watch)
        if compare.compared < updates:
            found.append(f'{compare.compared} updates were compared')
        found += _crossing(case, folder / str(case), runner)
        faults[str(case)] = found
    if get_rank() == 0:
        (folder / 'faults.json').write_text(json.dumps(faults))


def _crossing(case: Any, folder: Path, runner: Any) -> list[str]:
    """Does the checkpoint of two processes fit one, and one's fit two?"""
    import torch

    from mmgancomp import families
    from tests.support import tiny
    written = sorted(folder.rglob('iter_*.pth'),
                     key=lambda path: path.stat().st_mtime_ns)
    if not written:
        return ['no checkpoint was written']
    saved = torch.load(written[-1], weights_only=True)
    faults = []
    alone = tiny.model(case.family)
    try:
        alone.load_state_dict(saved['state_dict'], strict=True)
    except RuntimeError as error:
        faults.append(f'two processes -> one: {error}')
    # Other weights, named as one process names them, into the wrapped model.
    other = tiny.model(case.family)
    path = folder / f'alone-{os.environ["RANK"]}.pth'
    torch.save({'state_dict': other.state_dict()}, path)
    runner.load_checkpoint(str(path))
    wrapped = families.base.bare(runner.model)
    for name, network in families.of(wrapped).networks(wrapped).items():
        for key, value in network.module.state_dict().items():
            if not torch.equal(value, other.state_dict()[f'{name}.{key}']):
                faults.append(f'one process -> two: {name}.{key}')
    return faults


def _join(folder: Path) -> None:
    """Meet once; the Runners that follow find the group there."""
    from mmengine.dist import init_dist
    init_dist('pytorch', backend='gloo')


if __name__ == '__main__':
    _work(Path(sys.argv[1]), int(sys.argv[2]))

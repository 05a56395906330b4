"""Start a training command and kill it after a checkpoint, as a power cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

__all__ = ['MMAGIC', 'OURS', 'kill_after', 'run']

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ROOT / 'tools' / 'train.py'
MMAGIC = (Path(find_spec('mmagic').origin).parent / '.mim' / 'tools' /
          'train.py')


def _start(script: Path, config: Path, work_dir: Path, log: Path,
           *more: str) -> subprocess.Popen:
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    with log.open('a') as file:
        return subprocess.Popen(
            [
                sys.executable,
                str(script),
                str(config), '--work-dir',
                str(work_dir), *more
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment)


def run(script: Path, config: Path, work_dir: Path, *more: str) -> None:
    """Train to the end.

    Raises:
        AssertionError: With the end of the log, if the command failed.
    """
    log = work_dir.parent / f'{work_dir.name}.log'
    code = _start(script, config, work_dir, log, *more).wait(600)
    assert code == 0, log.read_text()[-3000:]


def kill_after(script: Path, config: Path, work_dir: Path,
               iteration: int, delay: float = 0) -> None:
    """Train, and SIGKILL once the checkpoint of that iteration is there.

    Args:
        script: The training command.
        config: Its config.
        work_dir: Its work folder.
        iteration: 0 stands for the first file of any kind.
        delay: Seconds to wait before the kill.
    """
    log = work_dir.parent / f'{work_dir.name}.log'
    process = _start(script, config, work_dir, log)
    mark = work_dir / 'last_checkpoint'
    end = time.monotonic() + 600
    try:
        while time.monotonic() < end and process.poll() is None:
            if (mark.is_file() and mark.read_text().endswith(
                    f'iter_{iteration}.pth')) or (
                        not iteration and any(work_dir.rglob('*.pth'))):
                time.sleep(delay)
                break
            time.sleep(.005)
        assert process.poll() is None, (
            f'ended before it could be killed:\n{log.read_text()[-3000:]}')
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

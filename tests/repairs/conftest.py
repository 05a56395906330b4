"""Scripts of tests/support, run with repairs on or off."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _start(script, arguments, off, **env):
    return subprocess.Popen(
        [sys.executable, ROOT / 'tests' / 'support' / script, *arguments],
        env=os.environ | dict(
            PYTHONPATH=str(ROOT),
            MMGANCOMP_NO_REPAIRS=off,
            # As on a machine without a GPU, whatever this one has.
            CUDA_VISIBLE_DEVICES='',
            OMP_NUM_THREADS='1',
            **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True)


def _answer(process, timeout):
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == 0, err[-3000:]
    return out.strip().splitlines()


@pytest.fixture(scope='session')
def run_probes():
    """Run tests/support/repair_probes.py: probe -> what was seen."""

    def run(*names, off=''):
        process = _start('repair_probes.py', names, off)
        return json.loads(_answer(process, 300)[-1])

    return run


@pytest.fixture(scope='session')
def run_ranks():
    """Run cases of tests/support/repair_ranks.py in two processes."""

    def run(*cases, off='', timeout=300):
        with socket.socket() as listener:
            listener.bind(('127.0.0.1', 0))
            port = listener.getsockname()[1]
        processes = [
            _start(
                'repair_ranks.py',
                cases,
                off,
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE='2',
                MASTER_ADDR='127.0.0.1',
                MASTER_PORT=str(port)) for rank in range(2)
        ]
        try:
            answer = _answer(processes[0], timeout)
            _answer(processes[1], timeout)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        return json.loads(answer[-1])

    return run

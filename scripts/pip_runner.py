"""Run pip quietly, show that it is alive, and explain its failures."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from machine import SetupError

__all__ = ['Pip', 'advice', 'build_jobs']

TAIL = 25
# What to say for what pip's output holds, the first that fits.
ADVICE = (
    ('No space left on device',
     'The disk is full: make room, or set TMPDIR and PIP_CACHE_DIR to '
     'folders on another disk.'),
    (r'Killed|signal 9|cc1plus.*out of memory',
     'Out of memory: try again with fewer compilers at a time, '
     'MAX_JOBS=1 make setup.'),
    (r'Temporary failure|Connection|timed out|ReadTimeout|ProxyError|'
     r'CERTIFICATE|SSLError|Network is unreachable',
     'The package registry could not be reached: check the network and '
     'what pip is configured to use (pip config list).'),
    (r'No matching distribution found|ResolutionImpossible',
     'A pinned version cannot be had for this Python or platform: check '
     'which registry pip is configured to use (pip config list).'),
    (r'fatal error: .*: No such file',
     'A header file is missing: see the line above for its name.'),
)


def advice(output: str) -> str:
    """What to do about a failure of pip, judged by its output."""
    for pattern, text in ADVICE:
        if re.search(pattern, output):
            return text
    return 'The lines above name the cause.'


def build_jobs() -> int:
    """How many compilers to run at a time: by cores, and 2 GB for each."""
    if os.environ.get('MAX_JOBS'):
        return max(1, int(os.environ['MAX_JOBS']))
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return max(1, min(os.cpu_count() or 1, int(memory / 2e9)))


def _stop(process: subprocess.Popen) -> None:
    """End a process and what it started, pip's compilers for example."""
    # As Ctrl-C would: pip then removes its temporary files.
    os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Pip:
    """pip of one environment.

    Args:
        python: The interpreter of the environment.
        constraints: The constraints file for everything installed.
        log: Where the full output goes.
        say: Called with each line of progress.
    """

    def __init__(self, python: Path, constraints: Path, log: Path,
                 say: Callable[[str], None]) -> None:
        self.jobs = build_jobs()
        self._python = python
        self._constraints = constraints
        self._log = log
        self._say = say
        log.write_text('')

    def install(self, *what: str) -> None:
        """``pip install`` under the constraints."""
        self.run('install', '-q', *what)

    def run(self, command: str, *arguments: str, build: bool = False) -> None:
        """Run a pip command under the constraints.

        Args:
            command: The pip command.
            *arguments: Its arguments.
            build: Whether it compiles mmcv.
        """
        self.python('-m', 'pip', command, '--disable-pip-version-check',
                    '-c', str(self._constraints), *arguments, build=build)

    def python(self, *arguments: str, build: bool = False) -> None:
        """Run the environment's Python; its output goes to the log.

        Raises:
            SetupError: It failed; the end of its output is printed.
        """
        offset = self._log.stat().st_size
        with self._log.open('a') as log:
            process = subprocess.Popen([str(self._python), *arguments],
                                       stdout=log, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL,
                                       env=self._environment(build),
                                       start_new_session=True)
            try:
                self._wait(process, offset)
            except BaseException:
                _stop(process)
                raise
        if process.returncode:
            output = self._output(offset)
            for line in output.splitlines()[-TAIL:]:
                print(f'    {line}', file=sys.stderr)
            raise SetupError(
                f'{advice(output)} The full output is in {self._log}. '
                'Then run `make setup` again: what is finished is kept.')

    def _environment(self, build: bool) -> dict[str, str]:
        environment = dict(os.environ)
        environment['PATH'] = os.pathsep.join(
            [str(self._python.parent), environment.get('PATH', os.defpath)])
        environment.pop('PYTHONPATH', None)
        environment.pop('PYTHONHOME', None)
        if build:
            environment['MMCV_WITH_OPS'] = '1'
            environment['MAX_JOBS'] = str(self.jobs)
            if environment.setdefault('FORCE_CUDA', '0') != '1':
                # mmcv takes a visible GPU as an order to build for CUDA,
                # which fails where there is no nvcc.
                environment['CUDA_VISIBLE_DEVICES'] = ''
        return environment

    def _wait(self, process: subprocess.Popen, offset: int) -> None:
        """Wait, with a line every half a minute."""
        start = time.monotonic()
        while True:
            try:
                process.wait(timeout=30)
                return
            except subprocess.TimeoutExpired:
                seconds = round(time.monotonic() - start)
                step = re.findall(r'\[(\d+)/(\d+)\]', self._output(offset))
                done = ' file {} of {},'.format(*step[-1]) if step else ''
                self._say(f'  ...{done} {seconds // 60} min '
                          f'{seconds % 60:02} s')

    def _output(self, offset: int) -> str:
        with self._log.open(errors='replace') as file:
            file.seek(offset)
            return file.read()

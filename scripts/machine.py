"""What the machine must have before a set-up downloads anything."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
import tempfile
from pathlib import Path

__all__ = ['SetupError', 'check_build_tools', 'check_disk']

GB = 1e9
# Measured with Python 3.11 on Linux, rounded up. While pip installs torch,
# the downloaded wheels lie in the temporary folder and in pip's own cache.
ENVIRONMENT, DOWNLOADS, KEPT = 7.5, 2.5, 2.5
# After torch: the rest of the environment, mmcv's build, its wheel.
LATER_ENVIRONMENT, LATER_DOWNLOADS, LATER_KEPT = 2.0, 1.5, 1.0


class SetupError(Exception):
    """Why the set-up cannot go on, and what to do about it."""


def check_disk(venv: Path, cache: Path) -> None:
    """Compare the free space with what is still to come.

    Args:
        venv: The environment, made or to be made.
        cache: The folder for built wheels; pip's cache is thought to be on
            the same disk.

    Raises:
        SetupError: A disk has too little room.
    """
    if any(venv.glob('lib/python3*/site-packages/torch-*.dist-info')):
        sizes = LATER_ENVIRONMENT, LATER_DOWNLOADS, LATER_KEPT
    else:
        sizes = ENVIRONMENT, DOWNLOADS, KEPT
    places = venv, Path(tempfile.gettempdir()), cache
    uses = 'the environment', 'temporary files', 'caches'
    disks: dict[int, list] = {}
    for place, size, use in zip(places, sizes, uses, strict=True):
        place = _existing(place)
        disk = disks.setdefault(place.stat().st_dev, [place, 0.0, []])
        disk[1] += size
        disk[2].append(use)
    for place, size, use in disks.values():
        free = shutil.disk_usage(place).free / GB
        if free < size:
            raise SetupError(
                f'too little disk space at {place}: {free:.1f} GB free, '
                f'about {size:.1f} GB needed ({", ".join(use)}). Make room, '
                'or put temporary files (TMPDIR) and caches '
                '(MMGANCOMP_CACHE, PIP_CACHE_DIR) on another disk.')


def _existing(path: Path) -> Path:
    """``path`` or the nearest of its parents that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def check_build_tools() -> None:
    """Make sure that mmcv can be compiled.

    Raises:
        SetupError: No C++ compiler, or no header files for this Python.
    """
    named = [shlex.split(os.environ[key])[0] for key in ('CXX', 'CC')
             if os.environ.get(key, '').strip()]
    for kind, commands in (('C++', (*named[:1], 'c++', 'g++', 'clang++')),
                           ('C', (*named[1:], 'cc', 'gcc', 'clang'))):
        if not any(shutil.which(command) for command in commands):
            raise SetupError(
                f'no {kind} compiler found (looked for '
                f'{", ".join(commands)}); mmcv has to be compiled. Debian '
                'and Ubuntu: apt-get install g++; Fedora: dnf install '
                'gcc-c++; macOS: xcode-select --install.')
    header = Path(sysconfig.get_path('include'), 'Python.h')
    if not header.exists():
        version = sysconfig.get_python_version()
        raise SetupError(
            f'the header files of Python {version} are missing ({header}); '
            'mmcv has to be compiled. Debian and Ubuntu: apt-get install '
            f'python{version}-dev; Fedora: dnf install python3-devel.')

"""Make ``.venv`` and install mmgancomp into it; do nothing if that is done.

Run by ``make setup`` with a Python outside the environment; only the
standard library is used. Every step can be interrupted: the next run keeps
what is finished. mmcv has no wheel for our torch and is compiled once; the
wheel is kept in a cache that outlives the checkout.

Environment variables:
    MMGANCOMP_CACHE: Where built wheels are kept. By default a folder
        mmgancomp in $XDG_CACHE_HOME or ~/.cache.
    MAX_JOBS: How many compilers run at a time while mmcv is built.
    FORCE_CUDA: 1 builds mmcv with its CUDA operators (needs nvcc).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from machine import SetupError, check_build_tools, check_disk
from pip_runner import Pip

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
STAMP = VENV / 'mmgancomp-setup.json'
# What decides what gets installed: if one of them changes, pip runs again.
INPUTS = ('constraints.txt', 'setup.cfg', 'setup.py',
          'mmgancomp/version.py')
EXTRAS = 'export,dev'
PROBE = ('import warnings; warnings.simplefilter("ignore"); '
         'import torch, torchvision, mmcv.ops, mmagic.models, mmgancomp')


def say(text: str) -> None:
    """Print one line about the progress."""
    print(f'[setup] {text}', flush=True)


def pinned(name: str) -> str:
    """The version that constraints.txt gives for ``name``."""
    text = (ROOT / 'constraints.txt').read_text()
    return re.search(rf'^{re.escape(name)}==(\S+)', text, re.M)[1]


def fingerprint() -> dict[str, str]:
    """What a finished set-up depends on."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return {'inputs': digest.hexdigest(), 'python': venv_version(),
            'root': str(ROOT)}


def venv_version() -> str:
    """Python version of ``.venv``, e.g. 3.11; empty if there is none."""
    try:
        text = (VENV / 'pyvenv.cfg').read_text()
    except OSError:
        return ''
    found = re.search(r'^version(?:_info)? *= *(\d+\.\d+)', text, re.M)
    return found[1] if found and venv_python().exists() else ''


def venv_python() -> Path:
    """The interpreter inside ``.venv``."""
    return VENV / 'bin' / 'python'


def read_stamp() -> dict[str, str]:
    """What the last finished set-up depended on; empty if none finished."""
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def is_complete() -> bool:
    """Whether there is nothing left to do."""
    links = ROOT / 'mmgancomp' / '.mim' / 'model-index.yml'
    return (read_stamp() == fingerprint() and links.exists()
            and _wanted_version() in ('', venv_version()))


def _wanted_version() -> str:
    """Version of the Python that the user named, empty if none was named."""
    if not os.environ.get('PYTHON'):
        return ''
    return f'{sys.version_info.major}.{sys.version_info.minor}'


def cache_root() -> Path:
    """The folder for what outlives the checkout."""
    if os.environ.get('MMGANCOMP_CACHE'):
        return Path(os.environ['MMGANCOMP_CACHE']).expanduser().absolute()
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'mmgancomp'


def wheel_folder() -> Path:
    """Where mmcv wheels for this Python and torch are kept.

    pip's own cache does not do: it does not know for which torch a wheel
    was compiled.
    """
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    cuda = '-cuda' if os.environ.get('FORCE_CUDA') == '1' else ''
    return (cache_root() / 'wheels' /
            f'py{version}-torch{pinned("torch")}{cuda}')


def cached_mmcv() -> Path | None:
    """The finished mmcv wheel for this machine, if there is one."""
    pattern = f'mmcv-{pinned("mmcv")}-*{platform.machine()}.whl'
    return next(iter(sorted(wheel_folder().glob(pattern))), None)


@contextlib.contextmanager
def only_one():
    """Let two set-ups of the same user run one after the other."""
    import fcntl
    cache_root().mkdir(parents=True, exist_ok=True)
    with open(cache_root() / 'setup.lock', 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say('another set-up is running; waiting for it')
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_venv() -> None:
    """Make ``.venv``, or keep the one that is there if it can be used."""
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    moved = read_stamp().get('root', str(ROOT)) != str(ROOT)
    if venv_version() == version and not moved:
        say(f'going on with the .venv that is there (Python {version})')
        return
    say(f'making .venv with Python {platform.python_version()} '
        f'({sys.executable})')
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        raise SetupError(
            'this Python has no venv module with pip in it. On Debian and '
            f'Ubuntu: apt-get install python{version}-venv') from None
    venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(VENV)


def build_mmcv(pip: Pip) -> Path:
    """Compile mmcv and put the wheel in the cache, whole or not at all."""
    folder = wheel_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob('.building-*'):
        shutil.rmtree(leftover, ignore_errors=True)
    minutes = max(2, round(13 / pip.jobs))
    say(f'compiling mmcv {pinned("mmcv")}: once, about {minutes} min with '
        f'{pip.jobs} at a time')
    work = Path(tempfile.mkdtemp(prefix='.building-', dir=folder))
    try:
        pip.run('wheel', '-v', '--no-build-isolation', '--no-deps',
                '--no-cache-dir', '-w', str(work),
                f'mmcv=={pinned("mmcv")}', build=True)
        built = next(work.glob('mmcv-*.whl'))
        return built.replace(folder / built.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def install() -> None:
    """All steps, in order. Each is quick if it was done before."""
    if cached_mmcv() is None:
        check_build_tools()
    check_disk(VENV, cache_root())
    make_venv()
    pip = Pip(venv_python(), ROOT / 'constraints.txt', VENV / 'setup.log',
              say)
    say('installing pip and the tools to build with')
    pip.install('pip', 'setuptools', 'wheel', 'ninja', 'psutil')
    say(f'installing torch {pinned("torch")}: about 2 GB to download, '
        '5 GB on disk, 1 to 10 min')
    pip.install('torch', 'torchvision', 'numpy')
    mmcv = cached_mmcv()
    if mmcv is None:
        mmcv = build_mmcv(pip)
    else:
        say(f'taking the mmcv wheel that was built before, from {mmcv.parent}')
    say('installing mmgancomp, MMagic and the rest: about 0.7 GB, 1 to 3 min')
    pip.install('--no-build-isolation', str(mmcv), '-e',
                f'{ROOT}[{EXTRAS}]')
    say('checking that everything can be imported')
    pip.python('-c', PROBE)


def main() -> int:
    if is_complete():
        return 0
    start = time.monotonic()
    # A polite kill is an interrupt like Ctrl-C: pip and compilers stop too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say('setting up .venv: the first time about 3 GB of downloads, 7 GB on '
        'disk, and 3 min plus, once, the compilation of mmcv')
    try:
        with only_one():
            if not is_complete():
                install()
                STAMP.write_text(json.dumps(fingerprint(), indent=2) + '\n')
    except SetupError as error:
        print(f'[setup] stopped: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\n[setup] interrupted; the next `make setup` goes on from '
              'here', file=sys.stderr)
        return 130
    say(f'done in {time.monotonic() - start:.0f} s')
    return 0


if __name__ == '__main__':
    sys.exit(main())

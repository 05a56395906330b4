"""``scripts/setup.py``: what it refuses, keeps, and leaves half done."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

Usage = namedtuple('Usage', 'total used free')


@pytest.fixture
def checkout(root, tmp_path):
    """The files that a set-up reads, with no environment yet."""
    copy = tmp_path / 'checkout'
    copy.mkdir()
    shutil.copytree(root / 'scripts', copy / 'scripts',
                    ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('constraints.txt', 'setup.cfg', 'setup.py'):
        shutil.copy(root / name, copy)
    (copy / 'mmgancomp').mkdir()
    shutil.copy(root / 'mmgancomp' / 'version.py', copy / 'mmgancomp')
    return copy


@pytest.fixture
def script(checkout, monkeypatch, tmp_path):
    """The set-up script of that checkout, as a module."""
    for name in ('PYTHON', 'FORCE_CUDA', 'MAX_JOBS', 'CXX', 'CC'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MMGANCOMP_CACHE', str(tmp_path / 'cache'))
    monkeypatch.syspath_prepend(str(checkout / 'scripts'))
    for name in ('machine', 'pip_runner'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.spec_from_file_location(
        'mmgancomp_setup_script', checkout / 'scripts' / 'setup.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler = signal.getsignal(signal.SIGTERM)
    yield module
    signal.signal(signal.SIGTERM, handler)
    for name in ('machine', 'pip_runner'):
        sys.modules.pop(name, None)


class FakePip:
    """Stands in for pip: writes down what it is asked for."""

    jobs = 2
    log: list[tuple[str, ...]] = []
    error: BaseException | None = None

    def __init__(self, *_):
        pass

    def install(self, *what):
        self.log.append(('install', *what))

    def python(self, *arguments):
        self.log.append(('python', *arguments))

    def run(self, command, *arguments, build):
        assert build
        self.log.append((command, *arguments))
        folder = Path(arguments[arguments.index('-w') + 1])
        machine = os.uname().machine
        wheel = folder / f'mmcv-2.1.0-cp311-cp311-linux_{machine}.whl'
        wheel.write_text('half')
        if self.error:
            raise self.error
        wheel.write_text('whole')


@pytest.fixture
def fake(script, monkeypatch):
    """The script with a fake pip, an instant ``.venv`` and enough disk."""

    def make_venv():
        python = script.venv_python()
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        version = '.'.join(map(str, sys.version_info[:3]))
        (script.VENV / 'pyvenv.cfg').write_text(f'version = {version}\n')
        links = script.ROOT / 'mmgancomp' / '.mim'
        links.mkdir(exist_ok=True)
        (links / 'model-index.yml').touch()

    monkeypatch.setattr(FakePip, 'log', [])
    monkeypatch.setattr(FakePip, 'error', None)
    monkeypatch.setattr(script, 'Pip', FakePip)
    monkeypatch.setattr(script, 'make_venv', make_venv)
    monkeypatch.setattr(script, 'check_disk', lambda *_: None)
    monkeypatch.setattr(script, 'check_build_tools', lambda: None)
    return script


def test_no_compiler_is_said_before_anything_is_made(checkout, tmp_path):
    empty = tmp_path / 'empty'
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, str(checkout / 'scripts' / 'setup.py')],
        env={'PATH': str(empty), 'HOME': str(tmp_path)},
        capture_output=True, text=True)
    assert done.returncode == 1
    assert 'no C++ compiler found' in done.stderr
    assert 'apt-get install g++' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (checkout / '.venv').exists()


def test_missing_python_headers_are_named(script, monkeypatch, tmp_path):
    machine = sys.modules['machine']
    monkeypatch.setattr(machine.shutil, 'which', lambda name: name)
    monkeypatch.setattr(machine.sysconfig, 'get_path',
                        lambda name: str(tmp_path))
    with pytest.raises(script.SetupError, match=r'apt-get install python3'):
        script.check_build_tools()


def test_full_disk_is_said_before_anything_is_made(
        script, monkeypatch, capsys):
    monkeypatch.setattr(script, 'check_build_tools', lambda: None)
    monkeypatch.setattr(sys.modules['machine'].shutil, 'disk_usage',
                        lambda path: Usage(20e9, 17e9, 3e9))
    assert script.main() == 1
    error = capsys.readouterr().err
    assert 'too little disk space' in error
    assert '3.0 GB free' in error
    assert not script.VENV.exists()


def test_less_room_is_needed_once_torch_is_there(script, monkeypatch):
    monkeypatch.setattr(sys.modules['machine'].shutil, 'disk_usage',
                        lambda path: Usage(20e9, 14e9, 6e9))
    with pytest.raises(script.SetupError):
        script.check_disk(script.VENV, script.cache_root())
    packages = script.VENV / 'lib' / 'python3.11' / 'site-packages'
    (packages / 'torch-2.11.0.dist-info').mkdir(parents=True)
    script.check_disk(script.VENV, script.cache_root())


def test_second_run_does_nothing(fake, capsys):
    assert fake.main() == 0
    assert FakePip.log[-1][0] == 'python'
    assert 'done in' in capsys.readouterr().out
    FakePip.log.clear()
    assert fake.main() == 0
    assert FakePip.log == []
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('name', [
    'constraints.txt', 'setup.cfg', 'setup.py', 'mmgancomp/version.py'])
def test_changed_input_installs_again(fake, checkout, name):
    assert fake.main() == 0
    with (checkout / name).open('a') as file:
        file.write('# changed\n')
    FakePip.log.clear()
    assert fake.main() == 0
    assert FakePip.log
    # mmcv is not compiled again: its wheel is in the cache.
    assert not [entry for entry in FakePip.log if entry[0] == 'wheel']


def test_another_python_by_name_installs_again(fake, monkeypatch):
    assert fake.main() == 0
    monkeypatch.setenv('PYTHON', sys.executable)
    assert fake.is_complete()
    monkeypatch.setattr(fake, 'venv_version', lambda: '3.99')
    assert not fake.is_complete()


def test_wheel_is_cached_by_python_and_torch(fake, tmp_path):
    assert fake.main() == 0
    version = '{}.{}'.format(*sys.version_info)
    folder = tmp_path / 'cache' / 'wheels' / f'py{version}-torch2.11.0'
    assert [p.name for p in folder.iterdir()] == [fake.cached_mmcv().name]


@pytest.mark.parametrize('error, code', [
    (KeyboardInterrupt(), 130), ('SetupError', 1)])
def test_half_built_wheel_never_lands_in_the_cache(
        fake, monkeypatch, error, code):
    if error == 'SetupError':
        error = fake.SetupError('broken')
    monkeypatch.setattr(FakePip, 'error', error)
    assert fake.main() == code
    assert list(fake.wheel_folder().iterdir()) == []
    assert not fake.STAMP.exists()
    monkeypatch.setattr(FakePip, 'error', None)
    assert fake.main() == 0
    assert fake.cached_mmcv().read_text() == 'whole'


def test_leftovers_of_a_killed_build_are_removed(fake):
    leftover = fake.wheel_folder() / '.building-killed'
    leftover.mkdir(parents=True)
    (leftover / 'mmcv-2.1.0-cp311-cp311-linux_x86_64.whl').write_text('half')
    assert fake.cached_mmcv() is None
    assert fake.main() == 0
    assert not leftover.exists()


def test_usable_environment_is_kept_and_a_moved_one_made_anew(
        script, monkeypatch):
    made = []
    monkeypatch.setattr('venv.EnvBuilder.create',
                        lambda self, path: made.append(self.clear))
    script.venv_python().parent.mkdir(parents=True)
    script.venv_python().touch()
    version = '{}.{}.0'.format(*sys.version_info)
    (script.VENV / 'pyvenv.cfg').write_text(f'version = {version}\n')
    script.make_venv()
    assert made == []
    script.STAMP.write_text('{"root": "/elsewhere"}')
    script.make_venv()
    assert made == [True]
    script.STAMP.unlink()
    (script.VENV / 'pyvenv.cfg').write_text('version = 3.9.1\n')
    script.make_venv()
    assert made == [True, True]


@pytest.mark.parametrize('printed, expected', [
    ('OSError: [Errno 28] No space left on device', 'TMPDIR'),
    ('c++: fatal error: Killed signal terminated', 'MAX_JOBS=1'),
    ('ReadTimeoutError: Read timed out.', 'pip config list'),
    ('ERROR: No matching distribution found for x', 'pip config list'),
    ('something else', 'The lines above'),
])
def test_failing_command_ends_in_advice(script, tmp_path, capsys, printed,
                                        expected):
    pip = script.Pip(Path(sys.executable), tmp_path / 'c.txt',
                     tmp_path / 'setup.log', print)
    with pytest.raises(script.SetupError) as error:
        pip.python('-c', f'import sys; print({printed!r}); sys.exit(1)')
    assert expected in str(error.value)
    assert 'make setup' in str(error.value)
    assert printed in capsys.readouterr().err


def test_interrupt_stops_what_pip_started(script, tmp_path, monkeypatch):
    """No compiler goes on in the background."""
    beat = tmp_path / 'beat'
    child = (f'import time, pathlib\nwhile True:\n'
             f'    pathlib.Path({str(beat)!r}).touch()\n    time.sleep(.05)')
    parent = ('import subprocess, sys\n'
              f'subprocess.run([sys.executable, "-c", {child!r}])')

    def interrupt(self, process, offset):
        while not beat.exists():
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(script.Pip, '_wait', interrupt)
    pip = script.Pip(Path(sys.executable), tmp_path / 'c.txt',
                     tmp_path / 'setup.log', print)
    with pytest.raises(KeyboardInterrupt):
        pip.python('-c', parent)
    beat.unlink()
    time.sleep(0.3)
    assert not beat.exists()


def test_build_ignores_gpus_unless_cuda_is_asked_for(script, tmp_path,
                                                     monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0')
    log = tmp_path / 'setup.log'
    pip = script.Pip(Path(sys.executable), tmp_path / 'c.txt', log, print)
    show = ('import os; e = os.environ; '
            'print(e["FORCE_CUDA"], repr(e["CUDA_VISIBLE_DEVICES"]))')
    pip.python('-c', show, build=True)
    monkeypatch.setenv('FORCE_CUDA', '1')
    pip.python('-c', show, build=True)
    assert log.read_text().splitlines() == ["0 ''", "1 '0'"]
    assert script.wheel_folder().name.endswith('-cuda')

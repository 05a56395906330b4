"""The shell script that picks the Python to set up with."""

from __future__ import annotations

import configparser
import os
import re
import subprocess

import pytest


@pytest.fixture
def find(root, tmp_path):
    """Run the script with nothing on PATH but the given fake Pythons."""

    def run(pythons, named=None):
        commands = tmp_path / 'bin'
        commands.mkdir()
        for name, body in pythons.items():
            path = commands / name
            path.write_text(f'#!/bin/sh\n{body}\n')
            path.chmod(0o755)
        environment = {'PATH': str(commands)}
        if named is not None:
            environment['PYTHON'] = named
        return subprocess.run(
            ['/bin/sh', str(root / 'scripts' / 'find_python.sh')],
            cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_too_old_and_too_new_are_both_named(find):
    done = find({'python3': 'echo 3.8', 'python': 'echo 3.13'})
    assert done.returncode == 1
    assert done.stdout == ''
    assert 'needs Python 3.11 or 3.12' in done.stderr
    assert 'python3 (3.8)' in done.stderr
    assert 'python (3.13)' in done.stderr
    assert 'PYTHON=' in done.stderr


def test_name_that_does_not_run_is_passed_over(find):
    done = find({'python3.11': 'echo not found >&2; exit 127',
                 'python3.12': 'echo 3.12'})
    assert (done.returncode, done.stdout) == (0, 'python3.12\n')


def test_python_without_a_minor_version_will_do(find):
    assert find({'python3': 'echo 3.11'}).stdout == 'python3\n'


def test_named_python_is_the_only_one_looked_at(find):
    done = find({'mine': 'echo 3.13', 'python3': 'echo 3.11'}, named='mine')
    assert done.returncode == 1
    assert 'Tried: mine (3.13).' in done.stderr


def test_python_of_the_environment_goes_first(find, tmp_path):
    python = tmp_path / '.venv' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho 3.12\n')
    python.chmod(0o755)
    done = find({'python3.11': 'echo 3.11'})
    assert done.stdout == '.venv/bin/python\n'


def test_bounds_are_those_of_setup_cfg(root):
    config = configparser.ConfigParser()
    config.read(root / 'setup.cfg')
    wanted = config['options']['python_requires']
    script = (root / 'scripts' / 'find_python.sh').read_text()
    oldest = re.search(r'^oldest=3\.(\d+)$', script, re.M)[1]
    newest = re.search(r'^newest=3\.(\d+)$', script, re.M)[1]
    assert wanted == f'>=3.{oldest},<3.{int(newest) + 1}'
    # The script compares with these two only.
    assert int(newest) - int(oldest) == 1


def test_make_stops_with_the_message_alone(root, tmp_path):
    """No set-up is started, and make's own noise is one line."""
    done = subprocess.run(
        ['make', '-C', str(root), 'setup', 'PYTHON=no-such-python'],
        capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 2
    assert 'no-such-python (does not run)' in done.stderr
    assert '[setup]' not in done.stdout

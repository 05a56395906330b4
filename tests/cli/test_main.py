from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

import mmgancomp
from mmgancomp import hookimpl, plugins
from mmgancomp.cli import main as cli
from mmgancomp.cli.common import is_main
from mmgancomp.errors import ConfigError


def process(root, *words, **environment):
    return subprocess.run([sys.executable, *words],
                          capture_output=True,
                          text=True,
                          cwd=root,
                          env=os.environ | environment)


@pytest.mark.parametrize('words', [
    ('-m', 'mmgancomp.cli.main', '--help'),
    ('-m', 'mmgancomp.cli.main', 'train', '--help'),
    ('-m', 'mmgancomp.cli.main', 'plan', '--help'),
    ('-m', 'mmgancomp.cli.main', 'features', '--help'),
    ('tools/train.py', '--help'),
    ('tools/test.py', '--help'),
    ('tools/export.py', '--help'),
    ('tools/profile.py', '--help'),
    ('tools/prune.py', '--help'),
    ('tools/report.py', '--help'),
],
                         ids=' '.join)
def test_help_answers_in_less_than_a_second(root, words):
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        done = process(root, *words)
        seconds.append(time.perf_counter() - begin)
        assert done.returncode == 0 and 'usage: ' in done.stdout
    assert min(seconds) < 1


def test_every_command_has_a_module_with_help(capsys):
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as ended:
            cli.main([name, '--help'])
        assert ended.value.code == 0
        assert f'usage: mmgancomp {name}' in capsys.readouterr().out


def test_scripts_run_from_anywhere_and_hide_no_module(root, tmp_path):
    code = ('import runpy, sys; sys.argv = ["profile.py", "--help"]\n'
            f'sys.path.insert(0, {str(root / "tools")!r})\n'
            'try: runpy.run_path(sys.path[0] + "/profile.py", '
            'run_name="__main__")\n'
            'except SystemExit: pass\n'
            'import cProfile, profile, test\n'
            'print(profile.Profile, test.__path__)')
    done = process(tmp_path, '-c', code)
    assert done.returncode == 0, done.stderr
    assert 'profile.Profile' in done.stdout


def test_no_command_shows_what_there_is(capsys):
    assert cli.main([]) == 2
    shown = capsys.readouterr().out
    assert all(name in shown for name in cli.COMMANDS)


def test_version(capsys):
    assert cli.main(['--version']) == 0
    assert capsys.readouterr().out == f'{mmgancomp.__version__}\n'


def test_unknown_command_names_the_closest(capsys):
    assert cli.main(['trian']) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: no command 'trian': did you mean 'train'?")


def test_a_wrong_setting_is_one_line_and_exit_code_2(root):
    done = process(root, 'tools/train.py', 'no/such_config.py')
    assert done.returncode == 2
    assert done.stdout == ''
    line, = done.stderr.splitlines()
    assert line.startswith("error: config = 'no/such_config.py': there is no")


def fail(error):

    def run(args):
        raise error

    return run


def test_errors_of_other_kinds_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        cli._call(fail(ZeroDivisionError()), None)


def test_interruption_is_no_traceback(capsys):
    assert cli._call(fail(KeyboardInterrupt()), None) == 130
    assert capsys.readouterr().err == 'interrupted\n'


def test_other_processes_let_the_first_one_speak(monkeypatch, capsys):
    slept = []
    monkeypatch.setattr(cli.time, 'sleep', slept.append)
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert not is_main()
    assert cli._call(fail(ConfigError('no')), None) == 2
    assert slept and capsys.readouterr().err == 'error: no\n'
    monkeypatch.setenv('LOCAL_RANK', '0')
    cli._call(fail(ConfigError('no')), None)
    assert len(slept) == 1


@pytest.fixture
def plugin(monkeypatch):
    """Installs a plugin with a command of a given name."""
    point = SimpleNamespace(dist=SimpleNamespace(name='stranger'))
    monkeypatch.setattr(importlib.metadata, 'entry_points',
                        lambda **kwargs: [point])
    added = []

    def install(name):

        class Plugin:

            @hookimpl
            def mmgancomp_commands(self):
                return [
                    plugins.Command(
                        name,
                        'say a word',
                        lambda parser: parser.add_argument('word'),
                        lambda args: print(json.dumps(args.word)))
                ]

        added.append(Plugin())
        plugins.manager().register(added[-1])

    yield install
    for each in added:
        plugins.manager().unregister(each)


def test_a_plugin_adds_a_command(plugin, capsys):
    plugin('say')
    assert cli.main(['say', 'hello']) == 0
    assert capsys.readouterr().out == '"hello"\n'
    with pytest.raises(SystemExit):
        cli.main(['--help'])
    assert 'say a word' in capsys.readouterr().out
    assert cli.main(['sya']) == 2
    assert "did you mean 'say'" in capsys.readouterr().err


def test_a_plugin_cannot_take_the_name_of_a_command(plugin, capsys):
    plugin('train')
    with pytest.raises(SystemExit):
        cli.main(['train', '--help'])  # ours is not disturbed
    capsys.readouterr()
    assert cli.main(['--help']) == 2
    assert "a command 'train', which" in capsys.readouterr().err

"""``mmgancomp features`` says what it made and where it is."""

import argparse
import re
import subprocess
import sys

import pytest

from mmgancomp.errors import ConfigError
from mmgancomp.evaluation import features_command


def run(*options):
    parser = argparse.ArgumentParser()
    features_command.add_arguments(parser)
    return features_command.run(parser.parse_args(options))


@pytest.mark.slow
def test_trains_once_and_prints_accuracy_time_and_file(tmp_path, capsys):
    file = tmp_path / 'net.safetensors'
    assert run('--out', str(file)) == 0
    first = capsys.readouterr().out
    assert re.search(r'trained in \d+\.\d s', first)
    assert float(re.search(r'accuracy: ([\d.]+) %', first)[1]) >= 97
    assert f'file: {file}' in first and file.exists()


def test_a_foreign_file_is_refused(tmp_path):
    file = tmp_path / 'notes.txt'
    file.write_text('mine')
    with pytest.raises(ConfigError, match='notes.txt'):
        run('--out', str(file))


def test_help_imports_nothing_heavy():
    code = ('import argparse, sys\n'
            'from mmgancomp.evaluation import features_command\n'
            'features_command.add_arguments(argparse.ArgumentParser())\n'
            'sys.exit("torch" in sys.modules or "sklearn" in sys.modules)')
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0

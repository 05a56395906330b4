"""A stranger's family, installed by pip, is a family like any other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = '''
import json
from mmgancomp import families, plugins
rows = {row.name: row for row in plugins.listing()}
# Found through the prefix alone, as in a config of scope mmagic.
from mmagic.registry import MODELS
model = MODELS.build(dict(type='mmgancomp.ToyGAN'))
family = families.of(model)
print(json.dumps(dict(
    origin=rows['toyfamily'].origin,
    hooks=rows['toyfamily'].hooks,
    status=rows['toyfamily'].status,
    family=type(family).__module__,
    networks={name: network.role
              for name, network in family.networks(model).items()},
    maskable=[weight.name for weight in
              family.convolutions(model.painter)])))
'''


@pytest.fixture(scope='module')
def installed(tmp_path_factory) -> Path:
    """Folder into which pip has installed the package, as a user would."""
    source = Path(__file__).resolve().parents[1] / 'third_party_family'
    # Building leaves files beside the sources: build a copy.
    copy = tmp_path_factory.mktemp('source') / 'toyfamily'
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns('__pycache__'))
    target = tmp_path_factory.mktemp('target')
    subprocess.run(
        [
            sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps',
            '--no-build-isolation', '--no-index', '--target',
            str(target),
            str(copy)
        ],
        check=True)
    return target


def run(program: str, target: Path, **environment: str):
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(target), str(root)])
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', program],
        env=os.environ | dict(PYTHONPATH=path, **environment),
        capture_output=True,
        text=True)


def test_is_listed_with_its_distribution_and_claims_its_model(installed):
    done = run(PROGRAM, installed)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == dict(
        origin='mmgancomp-toyfamily 1.2.3',
        hooks=['mmgancomp_families', 'mmgancomp_register'],
        status='loaded',
        family='mmgancomp_toyfamily',
        networks=dict(painter='generator', critic='discriminator'),
        maskable=['0.weight', '1.weight'])


def test_can_be_blocked(installed):
    program = '''
from mmgancomp import families, plugins
print([row.status for row in plugins.listing() if row.name == 'toyfamily'])
print([family.name for family in families.known()])
'''
    done = run(program, installed, MMGANCOMP_BLOCK_PLUGINS='toyfamily')
    assert done.returncode == 0, done.stderr
    statuses, names = done.stdout.splitlines()
    assert statuses == "['blocked']"
    assert 'toy' not in names and 'stylegan2' in names


def test_is_small_enough_to_be_read():
    source = Path(__file__).resolve().parents[1] / 'third_party_family'
    files = [*source.rglob('*.py'), *source.rglob('*.toml')]
    assert sum(len(file.read_text().splitlines()) for file in files) < 60

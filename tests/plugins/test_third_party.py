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


@pytest.mark.slow
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


TRAINING = '''
import sys
import torch
from mmengine.config import Config
from mmengine.runner import Runner
import mmgancomp.registry
from mmgancomp.datasets import DigitsDataset
config = Config(dict(
    default_scope='mmagic',
    model=dict(type='mmgancomp.ToyGAN'),
    work_dir=sys.argv[1],
    train_cfg=dict(by_epoch=False, max_iters=6),
    train_dataloader=dict(
        batch_size=4, num_workers=0,
        sampler=dict(type='InfiniteSampler', shuffle=True),
        dataset=dict(type='mmgancomp.DigitsDataset', channels=3,
                     pipeline=[dict(type='PackInputs', keys='gt')])),
    optim_wrapper=dict(
        constructor='MultiOptimWrapperConstructor',
        painter=dict(optimizer=dict(type='Adam', lr=1e-3)),
        critic=dict(optimizer=dict(type='Adam', lr=1e-3))),
    default_hooks=dict(
        checkpoint=dict(type='CheckpointHook', interval=3, by_epoch=False),
        sparsity=dict(type='mmgancomp.SparsityHook', networks=dict(
            generator=dict(density=.25, schedule=dict(
                type='AGP', interval=1)),
            critic=dict(density=.5))))))
runner = Runner.from_cfg(config)
runner.train()
state = torch.load(sys.argv[1] + '/iter_6.pth', weights_only=True)
kept = {name: sum(int(v.count_nonzero()) for k, v in
                  state['state_dict'].items()
                  if k.startswith(name) and v.dim() == 4)
        for name in ('painter', 'critic')}
print(kept, state['mmgancomp']['clocks'])
'''


def test_its_model_trains_with_masks_like_any_other(installed, tmp_path):
    program = TRAINING.replace('sys.argv[1]', repr(str(tmp_path)))
    done = run(program, installed)
    assert done.returncode == 0, done.stderr[-3000:]
    # 25 % of 312 rounded up layer by layer, 50 % of 224 in one ranking.
    assert done.stdout.splitlines()[-1] == (
        "{'painter': 78, 'critic': 112} {'painter': 6, 'critic': 6}")


@pytest.mark.slow
def test_the_command_lists_it(installed):
    done = run(
        'import sys; from mmgancomp.cli.main import main; '
        "sys.exit(main(['plugins', '--json']))", installed)
    assert done.returncode == 0, done.stderr
    rows = {row['name']: row for row in json.loads(done.stdout)['plugins']}
    assert rows['toyfamily']['status'] == 'loaded'
    assert rows['toyfamily']['origin'] == 'mmgancomp-toyfamily 1.2.3'

"""Exported files open with what docs/export.md lists, and nothing else.

Each is opened in another process, in which of all installed packages only
those of the table can be imported, and what they themselves require.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import (
    PackageNotFoundError,
    packages_distributions,
    requires,
)

import numpy as np
import pytest
import torch
from mmengine import Config
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mmgancomp import families
from mmgancomp.evaluation.profile_model import subjects
from mmgancomp.export.mmagic_model import write_mmagic
from mmgancomp.export.onnx_file import write_onnx
from mmgancomp.export.sparse import write_sparse
from tests.support import exported, gated, runs, slim, tiny

pytestmark = tiny.STOCK_WARNINGS

ROWS = dict(
    stylegan2='StyleGAN2', biggan='BigGAN', sagan='SAGAN',
    sngan_proj='SNGAN-projection', dcgan='DCGAN', cyclegan='CycleGAN',
    pix2pix='Pix2Pix', srgan='SRGAN', esrgan='ESRGAN')

WORDS = {
    # Its own metadata leaves torch, what `mim` installs, and one library
    # that it imports all the same to the user.
    'MMagic': ['mmagic[mim]', 'torch', 'torchvision', 'albumentations'],
    'onnxruntime': ['onnxruntime'],
    'MMEngine': ['mmengine', 'torch'],
    # Of this package itself, what the page says beneath the table.
    'mmgancomp': ['torch', 'safetensors', 'pluggy'],
}
"""What a word of the table stands for."""


@pytest.fixture
def table(root):
    """(Network, kind) → the cell of the page's first table."""
    text = (root / 'docs' / 'export.md').read_text()
    lines = text[text.index('## What opens what'):].split('\n')
    head, _, *rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in lines[:lines.index('', 3)] if line.startswith('|')
    ]
    return {(name.strip(), kind.strip('`')): cell
            for name, *cells in rows for name in name.split(', ')
            for kind, cell in zip(head[1:], cells)}


@cache
def modules_of(*requirements):
    """Top-level modules of distributions and of all that they require."""
    found, todo = set(), [Requirement(word) for word in requirements]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if (name, *wanted.extras) in found:
            continue
        found.add((name, *wanted.extras))
        try:
            more = map(Requirement, requires(wanted.name) or [])
        except PackageNotFoundError:
            continue  # required, and not even there
        todo += [
            r for r in more if not r.marker or any(
                r.marker.evaluate({'extra': extra})
                for extra in ('', *wanted.extras))
        ]
    names = {name for name, *_ in found}
    return {
        module for module, owners in packages_distributions().items()
        if names & {canonicalize_name(owner) for owner in owners}
    }


def test_the_closure_of_requirements_is_one():
    found = modules_of('onnxruntime')
    assert {'onnxruntime', 'numpy'} <= found
    assert not {'torch', 'onnx', 'mmengine', 'mmgancomp'} & found
    assert 'mmgancomp' not in modules_of(*WORDS['MMagic'])
    assert 'mmagic' not in modules_of(*WORDS['MMEngine'])


def opened(root, kind, cell, file, folder, *config):
    """The image that a process makes of a file with what a cell lists."""
    words = re.split(r', | and ', cell)
    allowed = modules_of(*(r for word in words for r in WORDS[word]))
    if 'mmgancomp' in words:
        allowed = allowed | {'mmgancomp'}
        if 'MMagic' in words:  # the whole of it, with all that it requires
            allowed |= modules_of('mmgancomp')
    listed, out = folder / 'blocked.json', folder / 'out.npy'
    installed = {*packages_distributions(), 'mmgancomp'}
    listed.write_text(json.dumps(sorted(installed - allowed)))
    done = subprocess.run(
        [
            sys.executable, root / 'tests' / 'support' / 'open_exported.py',
            kind, file, folder / 'in.npz', out, listed, *config
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {'PYTHONPATH': str(root)})
    assert done.returncode == 0, done.stderr
    return np.load(out)


def call_of(subject, folder, batch=2):
    """Inputs as a file, and the image that the source makes of them."""
    args, kwargs = subject.call(batch)
    tensors = [*args, *kwargs.values()]
    np.savez(folder / 'in.npz',
             **{str(i): t.numpy() for i, t in enumerate(tensors)})
    subject.module.eval()
    with torch.no_grad(), subject.family.fixed_noise(subject.module):
        return subject.module(*args, **kwargs).numpy()


def made(config, folder):
    path = exported.checkpoint(config, folder / 'a.pth', 0.3)
    return subjects(config, path, size=32)


def config_of(family, width, folder):
    """Of stock classes alone: the tiny StyleGAN2 is none."""
    if width == 'half':
        return slim.config(family, folder)
    return tiny.config(family, folder, narrow=False)


@pytest.mark.parametrize('family', exported.some_slow(ROWS, 'stylegan2'))
def test_onnx(root, table, family, tmp_path):
    chosen = made(tiny.config(family, tmp_path), tmp_path)
    file, *_ = write_onnx(tmp_path / 'g.onnx', chosen)
    wanted = call_of(chosen[0], tmp_path)
    row = 'StyleGAN2 (stock width)' if family == 'stylegan2' else ROWS[family]
    image = opened(root, 'onnx', table[row, 'onnx'], file.path, tmp_path)
    assert np.abs(image - wanted).max() < 1e-4


def row_of(family, width):
    if family != 'stylegan2':
        return ROWS[family]
    return f'StyleGAN2 ({"stock width" if width == "stock" else "narrowed"})'


@pytest.mark.slow
@pytest.mark.parametrize('width', ['stock', 'half'])
@pytest.mark.parametrize('family', ROWS)
def test_mmagic(root, table, family, width, tmp_path):
    config = config_of(family, width, tmp_path)
    chosen = made(config, tmp_path)
    found = write_mmagic(tmp_path / 'g.pth', config, chosen)
    cell = table[row_of(family, width), 'mmagic']
    assert found.stock is ('mmgancomp' not in cell)
    wanted = call_of(chosen[0], tmp_path)
    image = opened(root, 'mmagic', cell, found.weights, tmp_path)
    assert np.abs(image - wanted).max() < 1e-4


@pytest.mark.slow
def test_mmagic_of_another_plan(root, table, tmp_path):
    base = subjects(tiny.config('sngan_proj', tmp_path))[0]
    name, group = next(iter(
        families.channel_groups(base.module).items()))
    config = exported.planned('sngan_proj', tmp_path,
                              {name: list(range(1, group.width))})
    chosen = made(config, tmp_path)
    found = write_mmagic(tmp_path / 'g.pth', config, chosen)
    (tmp_path / 'plan.json').unlink()
    wanted = call_of(chosen[0], tmp_path)
    image = opened(root, 'mmagic', table['other plans', 'mmagic'],
                   found.weights, tmp_path)
    assert np.abs(image - wanted).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['mmagic', 'onnx'])
def test_what_is_left_of_gates(root, table, kind, tmp_path):
    runs.train(gated.config('sngan_proj', tmp_path, iterations=4, gates={}))
    config = Config.fromfile(tmp_path / 'slim.py')
    chosen = subjects(config, tmp_path / 'slim.pth')
    wanted = call_of(chosen[0], tmp_path)
    if kind == 'mmagic':
        found = write_mmagic(tmp_path / 'g.pth', config, chosen).weights
    else:
        found = write_onnx(tmp_path / 'g.onnx', chosen)[0].path
    image = opened(root, kind, table['other plans', kind], found, tmp_path)
    assert np.abs(image - wanted).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('family', ROWS)
def test_packed(root, table, family, tmp_path):
    config = config_of(family, 'stock', tmp_path)
    chosen = made(config, tmp_path)
    write_sparse(tmp_path / 'g.safetensors', chosen)
    wanted = call_of(chosen[0], tmp_path)
    config.dump(tmp_path / 'config.py')
    weights, images = re.fullmatch(
        r'(.+); images: (.+)', table[row_of(family, 'stock'),
                                     'sparse']).groups()
    assert 'MMagic' not in weights
    image = opened(root, 'sparse', images, tmp_path / 'g.safetensors',
                   tmp_path, tmp_path / 'config.py')
    assert np.abs(image - wanted).max() < 1e-4


def test_weights_of_a_packed_file_need_no_mmagic(root, table, tmp_path):
    config = tiny.config('cyclegan', tmp_path)
    chosen = made(config, tmp_path)
    write_sparse(tmp_path / 'g.safetensors', chosen)
    np.savez(tmp_path / 'in.npz')
    cell, _, _ = table['CycleGAN', 'sparse'].partition('; ')
    found = opened(root, 'weights', cell, tmp_path / 'g.safetensors',
                   tmp_path)
    first = min(chosen, key=lambda subject: subject.name)
    wanted = np.concatenate([
        value.double().flatten().numpy()
        for _, value in sorted(first.module.state_dict().items())
    ])
    assert np.array_equal(found, wanted)

"""Exported files open with what docs/export.md lists, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmgancomp.evaluation.profile_model import subjects
from mmgancomp.export.mmagic_model import write_mmagic
from mmgancomp.export.onnx_file import write_onnx
from mmgancomp.export.sparse import write_sparse
from tests.support import exported, slim, tiny

pytestmark = tiny.STOCK_WARNINGS

OURS = ['mmgancomp']
FRAMES = ['mmagic', 'mmengine', 'mmcv', 'torchvision']
NARROW = [family for family in tiny.FAMILIES if family != 'stylegan2']


def opened(root, kind, file, arrays, out, blocked):
    """The image that another process makes of a file."""
    done = subprocess.run(
        [
            sys.executable, root / 'tests' / 'support' / 'open_exported.py',
            kind, file, arrays, out, *blocked
        ],
        capture_output=True,
        text=True,
        cwd=out.parent,
        env=os.environ | {'PYTHONPATH': str(root)})
    assert done.returncode == 0, done.stderr
    return np.load(out)


def call_of(subject, folder, batch=2):
    """Inputs as a file, and the image that the source makes of them."""
    args, kwargs = subject.family.example_call(
        subject.module, batch, torch.Generator().manual_seed(7),
        size=32 if subject.size is None else subject.size)
    tensors = [*args, *kwargs.values()]
    np.savez(folder / 'in.npz',
             **{str(i): t.numpy() for i, t in enumerate(tensors)})
    subject.module.eval()
    with torch.no_grad(), subject.family.fixed_noise(subject.module):
        return subject.module(*args, **kwargs).numpy()


def made(config, folder):
    path = exported.checkpoint(config, folder / 'a.pth', 0.3)
    return subjects(config, path, size=32)


def check_onnx(root, config, folder):
    chosen = made(config, folder)
    file, *_ = write_onnx(folder / 'g.onnx', chosen)
    wanted = call_of(chosen[0], folder)
    image = opened(root, 'onnx', file.path, folder / 'in.npz',
                   folder / 'out.npy', [*OURS, *FRAMES, 'torch', 'onnx'])
    assert np.abs(image - wanted).max() < 1e-4


def check_mmagic(root, config, folder):
    chosen = made(config, folder)
    found = write_mmagic(folder / 'g.pth', config, chosen)
    assert found.stock
    wanted = call_of(chosen[0], folder)
    image = opened(root, 'mmagic', found.weights, folder / 'in.npz',
                   folder / 'out.npy', OURS)
    assert np.abs(image - wanted).max() < 1e-4


def test_onnx_needs_onnxruntime_alone(root, tmp_path):
    check_onnx(root, tiny.config('stylegan2', tmp_path), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('family', tiny.FAMILIES)
def test_onnx_of_every_family(root, family, tmp_path):
    check_onnx(root, tiny.config(family, tmp_path), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('family', NARROW)
def test_half_width_of_every_family(root, family, tmp_path):
    check_mmagic(root, slim.config(family, tmp_path), tmp_path)


def test_packed_file_needs_no_mmagic(root, tmp_path):
    config = tiny.config('cyclegan', tmp_path)
    chosen = made(config, tmp_path)
    write_sparse(tmp_path / 'g.safetensors', chosen)
    np.savez(tmp_path / 'in.npz')
    found = opened(root, 'sparse', tmp_path / 'g.safetensors',
                   tmp_path / 'in.npz', tmp_path / 'out.npy',
                   ['mmagic', 'mmcv', 'onnx'])
    first = min(chosen, key=lambda subject: subject.name)
    wanted = np.concatenate([
        value.double().flatten().numpy()
        for _, value in sorted(first.module.state_dict().items())
    ])
    assert np.array_equal(found, wanted)

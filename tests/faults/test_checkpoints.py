"""Checkpoints that are none of the model's: one message from each command."""

from __future__ import annotations

import itertools

import pytest
import torch

from mmgancomp.cli.main import main
from tests.support import exported, hostile, tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture(scope='module')
def right(tmp_path_factory):
    """A folder with a config that can be tested, and a checkpoint of it."""
    folder = tmp_path_factory.mktemp('right')
    config = exported.testable('dcgan', folder)
    path = exported.checkpoint(config, folder / 'right.pth', .5)
    return config.filename, torch.load(path, weights_only=True)


def with_hooks(folder, **entries):
    return [tiny.config('dcgan', folder, **entries).filename]


COMMANDS = {
    'export': lambda right, bad, out: [
        'export', right, bad, '--to', 'sparse', '--out', f'{out}.safetensors'],
    'teacher': lambda right, bad, out: ['plan', *with_hooks(
        out, default_hooks=dict(distillation=dict(
            type='mmgancomp.DistillationHook',
            teacher=dict(checkpoint=bad),
            generator=dict(out=dict(type='mmgancomp.OutputL1Loss')))))],
    'load_from': lambda right, bad, out: ['plan', *with_hooks(
        out, load_from=bad, default_hooks=dict(sparsity=dict(
            type='mmgancomp.SparsityHook',
            networks=dict(generator=dict(density=.5)))))],
    'profile': lambda right, bad, out: ['profile', right, bad],
    'prune': lambda right, bad, out: [
        'prune', right, bad, '--target', 'empty', '--out', f'{out}'],
    'test': lambda right, bad, out: [
        'test', right, bad, '--work-dir', f'{out}'],
    'train': lambda right, bad, out: ['train', *with_hooks(
        out, load_from=bad, default_hooks=dict(sparsity=dict(
            type='mmgancomp.SparsityHook',
            networks=dict(generator=dict(density=.5)))))],
}
"""Name → the words of a command that reads the checkpoint ``bad``."""


def said(right, command, content, folder, capsys):
    """The one line that a command ends in."""
    bad = folder / 'bad.pth'
    bad.write_bytes(content)
    capsys.readouterr()
    words = COMMANDS[command](right[0], str(bad), folder / 'out')
    assert main(words) == 2
    lines = [line for line in capsys.readouterr().err.splitlines()
             if line.startswith('error: ')]
    assert len(lines) == 1
    assert str(bad) in lines[0] and len(lines[0]) < 600
    return lines[0]


def shared_out(cases, *commands):
    """Each case with one command in turn; all others are slow."""
    return [
        pytest.param(case, command, id=f'{case}-{command}'.replace(' ', '_'),
                     marks=() if turn % len(commands) == commands.index(
                         command) else pytest.mark.slow)
        for (turn, case), command in itertools.product(
            enumerate(cases), commands)
    ] + [
        pytest.param(case, command, id=f'{case}-{command}'.replace(' ', '_'),
                     marks=pytest.mark.slow)
        for case in cases for command in COMMANDS if command not in commands
    ]


@pytest.mark.parametrize(('case', 'command'), shared_out(
    hostile.WEIGHTS, 'export', 'teacher', 'load_from'))
def test_what_is_no_weight_is_named(case, command, right, tmp_path, capsys):
    content = hostile.spoiled(right[1], hostile.WEIGHTS[case])
    line = said(right, command, content, tmp_path, capsys)
    assert 'weight' in line or 'checkpoint' in line


# MMEngine loads what fits of a checkpoint to start from, and says so.
STRICT = [c for c in COMMANDS if c not in ('load_from', 'train', 'test')]


@pytest.mark.parametrize('command', [
    pytest.param(c, marks=() if c == 'teacher' else pytest.mark.slow)
    for c in STRICT])
@pytest.mark.parametrize('case', hostile.SHAPES)
def test_shapes_have_to_fit(case, command, right, tmp_path, capsys):
    content = hostile.spoiled(right[1], hostile.SHAPES[case])
    said(right, command, content, tmp_path, capsys)


@pytest.mark.parametrize('command', [
    'export', pytest.param('profile', marks=pytest.mark.slow),
    pytest.param('prune', marks=pytest.mark.slow)])
@pytest.mark.parametrize('case', hostile.MASKS)
def test_masks_that_are_none(case, command, right, tmp_path, capsys):
    content = hostile.spoiled(right[1], hostile.MASKS[case])
    line = said(right, command, content, tmp_path, capsys)
    assert 'its masks of generator are damaged' in line


@pytest.mark.parametrize('command', [
    pytest.param(c, marks=() if c == 'teacher' else pytest.mark.slow)
    for c in COMMANDS])
def test_what_would_fill_the_memory_is_not_unpacked(command, right, tmp_path,
                                                    capsys):
    state = {**right[1]['state_dict'], 'more': torch.zeros(2**22)}
    content = hostile.compressed(hostile.saved(dict(state_dict=state)))
    assert len(content) < 2**21
    line = said(right, command, content, tmp_path, capsys)
    assert 'it would unpack from' in line


@pytest.mark.parametrize('command', ['export', 'teacher', 'load_from'])
def test_the_right_checkpoint_is_taken(command, right, tmp_path):
    path = tmp_path / 'right.pth'
    path.write_bytes(hostile.saved(right[1]))
    words = COMMANDS[command](right[0], str(path), tmp_path / 'out')
    assert main(words) == 0

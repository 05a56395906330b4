"""A checkpoint that a run cannot go on from: one message, nothing runs."""

from __future__ import annotations

import pytest
import torch
from mmengine.runner import IterBasedTrainLoop

from mmgancomp.cli.main import main
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS

MASKS = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(density=.5))))


def config(folder):
    return tiny.config('dcgan', folder, iterations=4, checkpoint=2,
                       default_hooks=MASKS)


@pytest.fixture(scope='module')
def half(tmp_path_factory):
    """What a run with masks leaves half way."""
    folder = tmp_path_factory.mktemp('half')
    runs.train(config(folder))
    return runs.load(folder / 'iter_2.pth')


class Began(Exception):
    """Training was about to go on."""


@pytest.fixture
def no_iteration(monkeypatch):

    def run_iter(self, data_batch):
        raise Began

    monkeypatch.setattr(IterBasedTrainLoop, 'run_iter', run_iter)


def resume(content, folder):
    """Resume from a checkpoint; gives its path and the command's words."""
    path = folder / 'iter_2.pth'
    torch.save(content, path)
    (folder / 'last_checkpoint').write_text(str(path))
    return path, main(['train', config(folder).filename, '--work-dir',
                       str(folder), '--resume'])


def copy_of(value):
    """Dicts and lists are new, tensors the same."""
    if isinstance(value, dict):
        return {key: copy_of(part) for key, part in value.items()}
    return [*map(copy_of, value)] if isinstance(value, list) else value


def put(*path):
    """What puts the last one of some words at the path of the others."""
    *above, last, value = path

    def change(content):
        for key in above:
            content = content[key]
        content[last] = value

    return change


def first_mask(**entries):

    def change(content):
        masks = content['mmgancomp']['sparsity']['generator']['masks']
        masks[next(iter(masks))].update(entries)

    return change


DAMAGE = {
    'meta is gone': lambda content: content.pop('meta'),
    'meta is a list': put('meta', [1]),
    'the iteration is text': put('meta', 'iter', 'x'),
    'weights are a list': put('state_dict', [1]),
    'optimizers are a list': put('optimizer', [1]),
    'an optimizer is missing':
    lambda content: content['optimizer'].pop('generator'),
    'an optimizer has no groups': put('optimizer', 'generator',
                                      'param_groups', []),
    'the log is text': put('message_hub', 'x'),
    'ours is a list': put('mmgancomp', [1]),
    'clocks are text': put('mmgancomp', 'clocks', 'x'),
    'a clock is text': put('mmgancomp', 'clocks', 'generator', 'x'),
    'a clock of nothing': put('mmgancomp', 'clocks', 'x', 1),
    'the past is text': put('mmgancomp', 'message_hub', 'x'),
    'settings are text': put('mmgancomp', 'settings', 'x'),
    'masks are gone': put('mmgancomp', 'sparsity', {}),
    'a mask is a number': first_mask(bits=1),
    'a mask is negative': first_mask(shape=[-1, -8]),
    'a mask is of another shape': first_mask(
        bits=torch.zeros(1, dtype=torch.uint8), shape=[8]),
    'random states are text': put('mmgancomp', 'rng', 'x'),
    'there are no random states': put('mmgancomp', 'rng', []),
}


@pytest.mark.parametrize('what', [
    pytest.param(what, marks=() if number % 10 == 0 else pytest.mark.slow)
    for number, what in enumerate(DAMAGE)])
def test_it_is_named(what, half, tmp_path, no_iteration, capsys):
    content = copy_of(half)
    DAMAGE[what](content)
    path, code = resume(content, tmp_path)
    said = [line for line in capsys.readouterr().err.splitlines()
            if line.startswith('error: ')]
    assert code == 2 and len(said) == 1
    assert said[0].startswith('error: resume = ') and str(path) in said[0]


def test_no_code_of_its_config_runs(half, tmp_path, no_iteration):
    content, mark = copy_of(half), tmp_path / 'ran'
    content['meta']['config'] = f'open({str(mark)!r}, "w").close()'
    with pytest.raises(Began):
        resume(content, tmp_path)
    assert not mark.exists()

"""Companion optimizers: stepped, skipped and cleared with their owner."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmgancomp.errors import ConfigError
from mmgancomp.runtime.companion import (
    CompanionOptimWrapper,
    build_companion,
)
from mmgancomp.runtime.update import OptimizerUpdates, Phase
from tests.support import runs, tiny
from tests.support.half import HalfOptimWrapper
from tests.support.toy import ToyHook

pytestmark = tiny.STOCK_WARNINGS


def _pair(wrapper=OptimWrapper, clip=None, companion=None, **options):
    """An owner of one weight, and a companion of one helper, both 1."""
    weight, helper = (nn.Parameter(torch.ones(())) for _ in range(2))
    owner = wrapper(
        optimizer=torch.optim.SGD([weight], lr=.5), clip_grad=clip, **options)
    updates = OptimizerUpdates(owner)
    follower = build_companion([helper],
                               companion or dict(type='SGD', lr=.5), 'key')
    follower.follow(updates)
    return owner, updates, weight, helper


def test_it_steps_with_its_owner_on_the_same_backward_pass():
    owner, updates, weight, helper = _pair()
    owner.update_params(weight**2 / 2 + helper**2 / 4)
    assert (weight.item(), helper.item()) == (.5, .75)
    assert updates.clock == 1
    # Cleared with the owner's: else the second step would see both.
    assert helper.grad is None
    owner.update_params(weight**2 / 2 + helper**2 / 4)
    assert helper.item() == .75 * .75


def test_it_steps_before_anything_is_decided():
    owner, updates, weight, helper = _pair()
    seen = []
    updates.on_update(Phase.DECIDE, lambda _: seen.append(helper.item()))
    owner.update_params(weight + helper)
    assert seen == [.5]


def test_an_accumulating_owner_lets_it_accumulate():
    owner, updates, weight, helper = _pair(accumulative_counts=3)
    for scale in (1., 2.):
        owner.update_params(weight + scale * helper)
        assert helper.item() == 1
    owner.update_params(weight + 3 * helper)
    # MMEngine divides by the count: the mean of 1, 2 and 3, times lr.
    assert helper.item() == pytest.approx(0)
    assert updates.clock == 1


def test_the_owners_clipping_does_not_see_its_gradient():
    owner, updates, weight, helper = _pair(clip=dict(max_norm=1.))
    owner.update_params(weight / 2 + 100 * helper)
    assert weight.item() == .75  # not clipped: the norm is its own
    assert helper.item() == 1 - 50


def test_it_clips_by_itself_if_asked():
    weight, helper = (nn.Parameter(torch.ones(())) for _ in range(2))
    owner = OptimWrapper(torch.optim.SGD([weight], lr=.5))
    follower = CompanionOptimWrapper(
        torch.optim.SGD([helper], lr=.5), clip_grad=dict(max_norm=1.))
    follower.follow(OptimizerUpdates(owner))
    owner.update_params(weight + 100 * helper)
    assert helper.item() == pytest.approx(.5, abs=1e-5)


def test_mixed_precision_is_unscaled_and_a_skipped_step_skips_both():
    owner, updates, weight, helper = _pair(HalfOptimWrapper, overflow=(2, ))
    for step, (expected, clock) in enumerate([(.5, 1), (.5, 1), (.25, 2)]):
        owner.update_params(weight**2 / 2 + helper**2 / 2)
        assert (helper.item(), updates.clock) == (expected, clock), step
    assert owner.skipped == 1
    assert owner.loss_scaler.get_scale() < 2**8


def test_a_helper_that_overflows_alone_stays_where_it_is():
    owner, updates, weight, helper = _pair()
    owner.update_params(weight + helper * torch.inf)
    assert weight.item() == .5 and helper.item() == 1
    owner.update_params(weight + helper)
    assert helper.item() == .5


def test_a_helper_that_the_loss_leaves_out_is_left_alone():
    owner, updates, weight, helper = _pair(
        companion=dict(type='AdamW', lr=.5, weight_decay=.1))
    owner.update_params(weight**2)
    assert helper.item() == 1


@pytest.mark.parametrize('optimizer', [
    dict(type='Adm', lr=.1),
    dict(type='Adam', learning_rate=.1),
    dict(type='SGD', lr=-1.),
    dict(lr=.1),
], ids=['name', 'option', 'value', 'no type'])
def test_a_wrong_optimizer_is_named(optimizer):
    with pytest.raises(ConfigError,
                       match='^toy.optimizer = .*write for example dict'):
        build_companion([nn.Parameter(torch.ones(1))], optimizer,
                        'toy.optimizer')


# -- with a real Runner ------------------------------------------------------


def _config(work_dir, accumulation=1, **toy):
    """Four updates of both networks, a checkpoint in each iteration."""
    return tiny.config(
        'dcgan',
        work_dir,
        iterations=4 * accumulation,
        checkpoint=1,
        optim_wrapper={
            name: dict(accumulative_counts=accumulation)
            for name in ('generator', 'discriminator')
        },
        default_hooks=dict(toy=dict(type='mmgancomp.ToyHook', **toy)))


def _toy(runner) -> ToyHook:
    return next(h for h in runner.hooks if isinstance(h, ToyHook))


# The discriminator takes one batch per iteration, so an odd one lies in the
# middle of its accumulation: half a gradient of the helper is state.
@pytest.mark.parametrize('owner, accumulation, kills', [
    ('generator', 1, [1, 3]),
    ('generator', 2, [2]),
    ('discriminator', 2, [3, 4]),
])
def test_a_run_that_is_killed_goes_on_bit_for_bit(tmp_path, owner,
                                                  accumulation, kills):
    options = dict(accumulation=accumulation, momentum=.9, lr=.1, owner=owner)
    whole = runs.train(_config(tmp_path / 'whole', **options))
    last = whole.max_iters
    expected = runs.load(tmp_path / 'whole' / f'iter_{last}.pth')
    assert len(_toy(whole).lives) == 4
    for killed in kills:
        folder = tmp_path / f'from{killed}'
        again = runs.train(
            runs.resume_from(
                _config(folder, **options), tmp_path / 'whole', killed))
        found = runs.load(folder / f'iter_{last}.pth')
        assert not runs.differences(
            runs.training_state(expected), runs.training_state(found)), killed
        lives = _toy(again).lives
        assert lives == _toy(whole).lives[-len(lives):]


def test_in_a_run_it_steps_once_per_update_of_the_generator(tmp_path):
    toy = _toy(runs.train(_config(tmp_path, lr=.5)))
    assert toy.lives == [.5, .25, .125, .0625]


# -- two processes -----------------------------------------------------------

_PROCESS = """
import torch
import torch.distributed as dist
from torch import nn
from mmengine.optim import OptimWrapper
from mmgancomp.runtime.companion import build_companion
from mmgancomp.runtime.update import OptimizerUpdates
dist.init_process_group('gloo')
rank = dist.get_rank()
weight = nn.Parameter(torch.ones(()))
used, unused = (nn.Parameter(torch.ones(())) for _ in range(2))
owner = OptimWrapper(torch.optim.SGD([weight], lr=.5))
follower = build_companion([used, unused], dict(type='SGD', lr=.5), 'key')
follower.follow(OptimizerUpdates(owner))
# Gradients 1 and 3 of the first helper; only rank 1 uses the second.
loss = weight + (1 + 2 * rank) * used
if rank == 1:
    loss = loss + 2 * unused
owner.update_params(loss)
assert used.item() == 0, used
assert unused.item() == .5, unused
# One rank overflows: none of them steps.
owner.update_params(weight + used * (torch.inf if rank else 1.) + unused)
assert used.item() == 0 and unused.item() == .5
dist.destroy_process_group()
"""


def test_processes_average_the_gradients_of_helpers(root):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _PROCESS],
            env={
                **os.environ, 'PYTHONPATH': str(Path(root)),
                'RANK': str(rank),
                'WORLD_SIZE': '2',
                'MASTER_ADDR': '127.0.0.1',
                'MASTER_PORT': str(port)
            },
            stderr=subprocess.PIPE,
            text=True) for rank in range(2)
    ]
    for process in processes:
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err

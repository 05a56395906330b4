"""Lottery tickets under the discriminator of their own dense run: IMPGDKD."""

import pytest
import torch

from mmgancomp.cli.plan import plan
from tests.support import runs, teaching, tiny

pytestmark = tiny.STOCK_WARNINGS

LENGTH, ROUNDS = 4, 2
LAST = LENGTH * (ROUNDS + 1)


def config(folder, taught=True, **loop):
    """A tiny run of rounds that prunes both networks."""
    hooks = dict(
        sparsity=dict(
            type='mmgancomp.SparsityHook',
            networks=dict(
                generator=dict(schedule='IMP'),
                discriminator=dict(schedule='IMP'))))
    if taught:
        term = dict(type='mmgancomp.DiscriminatorKDLoss')
        if 'dense' not in loop:
            term['begin'] = LENGTH
        hooks['distillation'] = dict(
            type='mmgancomp.DistillationHook',
            teacher=dict(checkpoint='snapshot:dense_final'),
            discriminator=dict(kd=term))
    return tiny.config(
        'sngan_proj', folder, checkpoint=LENGTH + 2,
        train_cfg=dict(
            _delete_=True, type='mmgancomp.LotteryTicketLoop',
            max_iters=LENGTH, rounds=ROUNDS, **loop),
        default_hooks=hooks)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A finished run: its folder, runner, and what was seen of the term."""
    folder = tmp_path_factory.mktemp('whole')
    eye = teaching.Eye()
    runner = runs.train(config(folder), eye)
    return folder, runner, eye


def state(folder):
    return runs.training_state(runs.load(runs.checkpoint(folder, LAST)))


def test_the_dense_discriminator_teaches_every_round(whole):
    folder, runner, eye = whole
    # From the first update of the first round on, and never before.
    assert len(eye.values['kd']) == LENGTH * ROUNDS
    assert len(set(eye.values['kd'])) > 1
    assert all(found > 0 for found in eye.gradients['kd'])
    dense = runs.load(folder / 'snapshots' / 'dense_final.pth')['state_dict']
    teacher = teaching.hook_of(runner).cast.teachers['teacher'].teacher
    assert list(teacher.networks) == ['discriminator']
    found = teacher.networks['discriminator'].state_dict()
    assert found
    for key, value in found.items():
        assert torch.equal(value, dense[f'discriminator.{key}']), key


def test_rounds_are_others_without_it(whole, tmp_path):
    runs.train(config(tmp_path, taught=False))
    plain, taught = state(tmp_path), state(whole[0])
    dense = [runs.load(d / 'snapshots' / 'dense_final.pth')['state_dict']
             for d in (tmp_path, whole[0])]
    assert runs.differences(*dense) == []
    changed = runs.differences(plain['state_dict'], taught['state_dict'])
    assert any('discriminator.' in name for name in changed)


def test_resumed_in_a_round_it_ends_the_same(whole, tmp_path):
    # Its checkpoint lies in the first round; the snapshot is there.
    resumed = runs.resume_from(config(tmp_path), whole[0], LENGTH + 2)
    runs.train(resumed)
    assert runs.differences(state(tmp_path), state(whole[0])) == []


@pytest.mark.slow
def test_a_dense_run_that_is_done_teaches_from_the_first_update(
        whole, tmp_path):
    eye = teaching.Eye(gradients=False)
    built = config(tmp_path, dense=str(whole[0]))
    assert plan(built)['mechanisms']
    runs.train(built, eye)
    assert len(eye.values['kd']) == LENGTH * ROUNDS

"""Helpers inside networks are left to optimizers of their own."""

import torch
from torch import nn

from mmgancomp.runtime.constructor import CompressionOptimWrapperConstructor
from mmgancomp.runtime.helpers import Helper, helper_parameters


class Scale(Helper):
    """One number."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))


def model():
    made = nn.Module()
    made.generator = nn.Sequential(nn.Linear(2, 2), Scale())
    made.discriminator = nn.Sequential(nn.Linear(2, 1))
    return made


def options(**more):
    return {part: dict(type='OptimWrapper', optimizer=dict(
        type='Adam', lr=.1), **more)
            for part in ('generator', 'discriminator')}


def held(built, part):
    return [p for group in built[part].optimizer.param_groups
            for p in group['params']]


def test_all_but_helpers_are_there():
    made = model()
    built = CompressionOptimWrapperConstructor(options())(made)
    scale, = helper_parameters(made)
    assert [id(p) for p in held(built, 'generator')] == [
        id(p) for p in made.generator[0].parameters()]
    assert len(held(built, 'discriminator')) == 2
    assert scale is made.generator[1].weight


def test_a_group_that_held_helpers_alone_is_gone():
    made = model()
    built = CompressionOptimWrapperConstructor(options(
        paramwise_cfg=dict(custom_keys={'1': dict(lr_mult=.5)})))(made)
    assert len(held(built, 'generator')) == 2
    assert all(group['params']
               for group in built['generator'].optimizer.param_groups)

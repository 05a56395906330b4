"""Which optimizers need their pruned weights masked after each step."""

import copy

import pytest
import torch
from torch import nn

from mmgancomp.sparsity.zeros import keeps_zeros
from tests.support.runs import differences


@pytest.mark.parametrize(('kind', 'options'), [
    ('SGD', dict(momentum=.9, nesterov=True, weight_decay=.1)),
    ('Adam', dict(betas=(.5, .999), weight_decay=.1, amsgrad=True)),
    ('AdamW', {}),
    ('RMSprop', dict(momentum=.9)),
    ('Adagrad', dict(initial_accumulator_value=0.)),
])
def test_the_usual_ones_keep_zeros(kind, options):
    layer = nn.Conv2d(2, 2, 1)
    optimizer = getattr(torch.optim, kind)([{
        'params': [layer.weight]
    }, {
        'params': [layer.bias],
        'lr': .5
    }], lr=.1, **options)
    weight = layer.weight.detach().clone()
    state = copy.deepcopy(optimizer.state_dict())
    assert keeps_zeros(optimizer)
    assert torch.equal(layer.weight, weight)
    assert differences(optimizer.state_dict(), state) == []


class Noisy(torch.optim.SGD):

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for parameter in group['params']:
                parameter.data.add_(torch.randn_like(parameter) * 1e-3)


class Stubborn(torch.optim.SGD):

    def __init__(self, params, must, **options):
        super().__init__(params, **options)


def test_others_are_found_out():
    layer = nn.Conv2d(2, 2, 1)
    assert not keeps_zeros(Noisy(layer.parameters(), lr=.1))
    assert not keeps_zeros(Stubborn(layer.parameters(), 1, lr=.1))

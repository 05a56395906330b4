"""Narrowed networks train, resume, are masked, and load, in each family."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmgancomp import families
from mmgancomp.runtime.record import read_record
from mmgancomp.sparsity import MaskedNetwork
from tests.support import runs, slim, tiny

pytestmark = tiny.STOCK_WARNINGS

FAST = ('stylegan2', 'cyclegan', 'dcgan', 'srgan')

MASKS = dict(
    type='mmgancomp.SparsityHook',
    networks=dict(
        generator=dict(
            density=.5, schedule=dict(type='AGP', interval=1, end='end'))))


def largest(family: families.Family, network: nn.Module) -> int:
    """Channels of the widest convolution."""
    return max(
        network.get_parameter(w.name).shape[w.out_axis]
        for w in family.convolutions(network))


@pytest.mark.parametrize('family', [
    pytest.param(
        family, marks=() if family in FAST else pytest.mark.slow)
    for family in (*tiny.FAMILIES, tiny.FOUND)
])
def test_slimmed_networks_train_masked_and_resume(family, tmp_path):
    def config(folder):
        return slim.config(
            family,
            folder,
            iterations=4,
            checkpoint=2,
            default_hooks=dict(sparsity=MASKS))

    watch = runs.Watch()
    runner = runs.train(config(tmp_path / 'whole'), watch)
    assert watch.violations == []
    runs.train(
        runs.resume_from(config(tmp_path / 'again'), tmp_path / 'whole', 2))
    ends = [
        runs.load(tmp_path / part / 'iter_4.pth')
        for part in ('whole', 'again')
    ]
    assert runs.differences(*map(runs.training_state, ends)) == []

    divisor = slim.DIVISORS[family]
    entry = dict(divisor=divisor)
    assert ends[0]['mmgancomp']['channels'] == dict(
        plan=dict(
            schema=1, networks=dict(generator=entry, discriminator=entry)))
    stock = tiny.model(family, narrow=family != 'stylegan2')
    of = families.of(stock)
    networks = of.networks(stock)
    model = families.base.bare(runner.model)
    recorded = read_record(tmp_path / 'whole')['models'][0]['networks']
    for name, network in of.networks(model).items():
        other = networks[name].module
        assert type(network.module) is type(other)
        assert [*network.module.state_dict()] == [*other.state_dict()]
        assert largest(of, network.module) * divisor == largest(of, other)
        assert recorded[name]['channels'] == entry
        masked = MaskedNetwork.of(network.module)
        assert (masked is not None) == (network.role == 'generator')
        if masked is not None:
            assert masked.density == pytest.approx(.5, abs=.01)
        if network.ema is not None:
            assert largest(of, network.ema) == largest(of, network.module)
        before = runs.load(tmp_path / 'whole' / 'iter_2.pth')['state_dict']
        moved = [
            not torch.equal(weight.cpu(), before[f'{name}.{key}'])
            for key, weight in network.module.named_parameters()
        ]
        assert any(moved)

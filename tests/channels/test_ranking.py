"""How channels are ranked, and what plans cost."""

from __future__ import annotations

import pytest
import torch

from mmgancomp.channels import channel_groups, ranking
from mmgancomp.channels.aims import divided
from mmgancomp.channels.costs import macs_after, params_after
from mmgancomp.channels.slicing import copy_of, cut
from mmgancomp.errors import ConfigError
from mmgancomp.families import Network
from mmgancomp.families.macs import macs
from mmgancomp.runtime.structure import note
from tests.support import cuts, tiny

pytestmark = tiny.STOCK_WARNINGS


def test_readers_times_gain():
    network = cuts.network('dcgan_generator')
    groups = channel_groups(network)
    found = ranking.scores_of([network], groups)['upsampling.0']
    reader = network.upsampling[1].conv.weight.detach().abs().sum((1, 2, 3))
    gain = network.upsampling[0].bn.weight.detach().abs()
    assert torch.allclose(found, reader * gain)
    filters = ranking.scores_of([network], groups, 'magnitude')
    assert torch.allclose(
        filters['upsampling.0'],
        network.upsampling[0].conv.weight.detach().abs().sum((0, 2, 3)))


def test_counts_are_rounded_where_the_width_allows():
    groups = channel_groups(cuts.network('biggan_torch_generator'))
    scores = ranking.scores_of([cuts.network('biggan_torch_generator')],
                               groups)
    sizes = ranking.sizes_for(groups, scores, .6, 'uniform', 8)
    widths = {name: groups[name].width for name in sizes}
    assert widths['noise2feat'] == 32
    assert sizes['noise2feat'] == 16
    # The trunk of an attention block keeps eight.
    few = ranking.sizes_for(groups, scores, .01, 'uniform', 1)
    assert few['conv_blocks.0'] == 8
    assert few['noise2feat'] == 1
    assert 4 * few['conv_blocks.1.theta'] <= few['conv_blocks.1.g']
    assert 'shared_embedding' not in few


@pytest.mark.parametrize('allocation', ranking.ALLOCATIONS)
@pytest.mark.parametrize('name', [
    'sagan_generator', 'stylegan2_generator', 'stylegan2_discriminator',
    'pix2pix_generator', 'esrgan_generator'
])
def test_costs_are_told_without_cutting(name, allocation):
    network, family = cuts.network(name), cuts.family_of(name)
    groups = channel_groups(network)
    scores = ranking.scores_of([network], groups)
    plan = ranking.best(
        scores, ranking.sizes_for(groups, scores, .6, allocation, 1))
    small = copy_of(network)
    cut(small, groups, plan)
    assert params_after(network, groups, plan) == sum(
        p.numel() for p in small.parameters())
    total, shares = macs(network, *cuts.call(family, network))
    assert sum(shares.values()) == total
    told = macs_after(network, groups, plan, shares)
    counted = macs(small, *cuts.call(family, small))[0]
    if name.startswith('stylegan2'):  # its blurs have no weights
        assert counted < told < 1.2 * counted
    else:
        assert told == pytest.approx(counted, rel=1e-6)


def test_an_estimate_is_corrected_by_what_is_counted():
    """An estimate that is a fifth too high would stop too early."""
    counts = []

    def measure(plan):
        counts.append(plan)
        return plan['x']**2

    found = ranking.reach_measured(lambda fraction: {'x': fraction},
                                   lambda plan: 1.2 * plan['x']**2, measure,
                                   .5, '--target', 'macs=0.5')
    assert .49 < found['x']**2 <= .5
    assert len(counts) <= 4


def test_the_largest_plan_within_a_target():
    network = cuts.network('dcgan_generator')
    groups = channel_groups(network)
    scores = ranking.scores_of([network], groups, 'random', seed=1)
    whole = sum(p.numel() for p in network.parameters())

    def plan_of(fraction):
        return ranking.best(
            scores, ranking.sizes_for(groups, scores, fraction))

    def cost(plan):
        return params_after(network, groups, plan) / whole

    found = ranking.reach(plan_of, cost, .5, '--target', 'params=0.5')
    assert .45 < cost(found) <= .5
    with pytest.raises(ConfigError, match='is the least'):
        ranking.reach(plan_of, cost, .001, '--target', 'params=0.001')
    assert ranking.scores_of([network], groups, 'random', seed=2)[
        'noise2feat'].argmax() != scores['noise2feat'].argmax()


def test_widths_are_divided_once():
    """A divisor of a narrow network would be of another width."""
    network = cuts.network('dcgan_generator')
    note(network, {'divisor': 2})
    given = Network('generator', 'generator', network, 'generator')
    with pytest.raises(ConfigError, match='narrowed already; say what may'):
        divided(None, cuts.family_of('dcgan_generator'), given, 2, 'target')

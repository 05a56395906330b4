"""Killed channels can be cut out, and nothing changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmgancomp.channels import (
    RemovalError,
    channel_groups,
    empty_channels,
    kill,
    remove,
)
from mmgancomp.channels.groups import removed
from mmgancomp.channels.remove import difference
from mmgancomp.channels.slicing import cut, indices
from mmgancomp.errors import ConfigError
from mmgancomp.families.groups import GroupTable
from tests.support import cuts, tiny

pytestmark = tiny.STOCK_WARNINGS

@pytest.mark.parametrize('training', [False, True], ids=['eval', 'train'])
@pytest.mark.parametrize('name', cuts.NETWORKS)
def test_removal_leaves_the_function(name, training):
    network = cuts.network(name, cuts.precision(name))
    groups, family = channel_groups(network), cuts.family_of(name)
    plan = cuts.plan(groups, seed=3)
    dead = kill(network, plan)
    small = cuts.remove_checked(name, dead, plan)
    assert list(small.state_dict()) == list(network.state_dict())
    assert sum(p.numel() for p in small.parameters()) < .95 * sum(
        p.numel() for p in network.parameters())
    before = cuts.run(family, network, training)
    killed = cuts.run(family, dead, training)
    after = cuts.run(family, small, training)
    assert difference(before, killed) > 1e-3
    # Of the statistics over a minibatch the root of an epsilon is lost.
    scale = float(name == 'stylegan2_discriminator')
    assert difference(killed, after, scale) < cuts.tolerance(name)


@pytest.mark.parametrize(
    'name', [name for name in cuts.NETWORKS if name not in cuts.SINGLE])
def test_survivors_learn_the_same(name):
    network = cuts.network(name, torch.float64)
    groups, family = channel_groups(network), cuts.family_of(name)
    plan = cuts.plan(groups, seed=4)
    dead = kill(network, plan)
    small = cuts.remove_checked(name, dead, plan)
    wanted, found = (cuts.gradients(family, n) for n in (dead, small))
    gone = {}
    for group, channels in removed(groups, plan).items():
        for slot in groups[group].slots:
            gone.setdefault((slot.tensor, slot.axis),
                            set()).update(indices(slot, channels))
    largest = max(g.abs().max() for g in wanted.values())
    assert found.keys() == wanted.keys()
    for tensor, gradient in wanted.items():
        for axis in range(gradient.ndim):
            left = [
                i for i in range(gradient.shape[axis])
                if i not in gone.get((tensor, axis), ())
            ]
            gradient = gradient.index_select(axis, torch.tensor(left))
        error = (gradient - found[tensor]).abs().max()
        assert error < 1e-8 * largest, tensor


@pytest.mark.parametrize('name', cuts.NETWORKS)
def test_a_fresh_network_cut_to_the_plan_takes_the_weights(name):
    network = cuts.network(name)
    groups, family = channel_groups(network), cuts.family_of(name)
    plan = cuts.plan(groups, seed=5, share=.5)
    small = cuts.remove_checked(name, kill(network, plan), plan)
    fresh = cuts.network(name)
    for weight in fresh.parameters():
        nn.init.normal_(weight, std=.1)
    cut(fresh, groups, plan, same_function=False)
    fresh.load_state_dict(small.state_dict(), strict=True)
    assert torch.equal(
        cuts.run(family, small, False), cuts.run(family, fresh, False))
    # In single precision, too: eval mode is what `remove` has checked.
    dead = kill(network, plan)
    scale = float(name == 'stylegan2_discriminator')
    assert difference(
        cuts.run(family, dead, True), cuts.run(family, small, True),
        scale) < 1e-4


def test_a_filter_mask_alone_is_not_dead():
    """Norms revive a channel whose filter is zero: it is killed first."""
    name = 'dcgan_generator'
    network = cuts.network(name)
    with torch.no_grad():
        network.upsampling[0].conv.weight[:, [2, 5, 6]] = 0
        network.upsampling[1].conv.weight[7] = 0
    plan = empty_channels(network)
    gone = [2, 5, 6, 7]
    assert plan == {
        'upsampling.0': [c for c in range(16) if c not in gone]
    }
    with pytest.raises(RemovalError):
        remove(network, plan)
    small = remove(kill(network, plan), plan)
    assert small.upsampling[0].conv.out_channels == 12


@pytest.mark.parametrize('name', cuts.NETWORKS)
def test_emptied_filters_are_found_in_every_network(name):
    network = cuts.network(name)
    groups = channel_groups(network)
    assert empty_channels(network) == {}
    group = next(g for g in groups.values() if g.width > 4 and g.least == 1)
    masks = {}
    for slot in group.slots:
        weight = dict(network.named_parameters()).get(slot.tensor)
        if slot.role == 'make' and weight is not None and weight.ndim > 1:
            mask = torch.ones_like(weight, dtype=torch.bool)
            index = torch.tensor(indices(slot, [1, 3]))
            mask.index_fill_(slot.axis, index, False)
            masks[slot.tensor] = mask
    found = empty_channels(network, masks=masks)
    assert found == {
        group.name: [c for c in range(group.width) if c not in (1, 3)]
    }


def test_groups_print_what_they_couple():
    table = GroupTable(cuts.network('pix2pix_generator'))
    table.add('x', 'model.model.0', 'model.model.2@0')
    assert str(table.groups['x']) == (
        'x: 8 channels\n'
        '  make model.model.0.conv.weight[0]\n'
        '  use  model.model.2.conv.weight[0]')


@pytest.mark.parametrize('plan,said', [
    ({'noise2feet': [0]}, "plan.noise2feet = .0.: the network has no such "
     "channel group; did you mean 'noise2feat'"),
    ({'noise2feat': [0, 32]}, 'plan.noise2feat = 32: the group has the '
     'channels 0 to 31'),
    ({'noise2feat': [-1]}, 'plan.noise2feat = -1: the group has'),
    ({'noise2feat': [1, 1]}, 'channel 1 after 1: list each channel once'),
    ({'noise2feat': [2, 1]}, 'in rising order'),
    ({'noise2feat': 3}, 'list the channels that stay'),
])
def test_illegal_plans_name_their_group(plan, said):
    with pytest.raises(ConfigError, match=said) as error:
        kill(cuts.network('dcgan_generator'), plan)
    assert '\n' not in str(error.value)

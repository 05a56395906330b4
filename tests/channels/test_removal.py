"""Killed channels can be cut out, and nothing changes."""

from __future__ import annotations

import copy

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
from mmgancomp.channels.slicing import copy_of, cut, indices
from mmgancomp.errors import ConfigError
from mmgancomp.families.groups import GroupTable
from tests.support import cuts, tiny

pytestmark = tiny.STOCK_WARNINGS

SINGLE = [name for name in cuts.NETWORKS if name.startswith('stylegan2')]
"""Their blocks convert to single precision themselves."""


def remove_checked(name, network, plan, **options):
    return remove(
        network, plan, call=lambda n: cuts.call(cuts.family_of(name), n),
        **options)


@pytest.mark.parametrize('training', [False, True], ids=['eval', 'train'])
@pytest.mark.parametrize('name', cuts.NETWORKS)
def test_removal_leaves_the_function(name, training):
    double = name not in SINGLE
    network = cuts.network(name, torch.float64 if double else torch.float32)
    groups, family = channel_groups(network), cuts.family_of(name)
    plan = cuts.plan(groups, seed=3)
    dead = kill(network, plan)
    small = remove_checked(name, dead, plan)
    assert list(small.state_dict()) == list(network.state_dict())
    assert sum(p.numel() for p in small.parameters()) < .95 * sum(
        p.numel() for p in network.parameters())
    before = cuts.run(family, network, training)
    killed = cuts.run(family, dead, training)
    after = cuts.run(family, small, training)
    assert difference(before, killed) > 1e-3
    # Of the statistics over a minibatch the root of an epsilon is lost.
    scale = float(name == 'stylegan2_discriminator')
    assert difference(killed, after, scale) < (1e-10 if double else 1e-4)


@pytest.mark.parametrize(
    'name', [name for name in cuts.NETWORKS if name not in SINGLE])
def test_survivors_learn_the_same(name):
    network = cuts.network(name, torch.float64)
    groups, family = channel_groups(network), cuts.family_of(name)
    plan = cuts.plan(groups, seed=4)
    dead = kill(network, plan)
    small = remove_checked(name, dead, plan)
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
    small = remove_checked(name, kill(network, plan), plan)
    fresh = cuts.network(name)
    for weight in fresh.parameters():
        nn.init.normal_(weight, std=.1)
    cut(fresh, groups, plan, same_function=False)
    fresh.load_state_dict(small.state_dict(), strict=True)
    assert torch.equal(
        cuts.run(family, small, False), cuts.run(family, fresh, False))


@pytest.mark.parametrize('name', ['stylegan2_generator', 'sagan_generator'])
def test_the_network_given_is_left_as_it_is(name):
    network = cuts.network(name)
    family = cuts.family_of(name)
    # A forward with gradients leaves weights that torch does not copy.
    cuts.run(family, network, True).sum().backward()
    with pytest.raises(RuntimeError, match='deepcopy'):
        copy.deepcopy(network)
    state = {k: v.clone() for k, v in network.state_dict().items()}
    plan = cuts.plan(channel_groups(network), seed=0)
    small = remove_checked(name, kill(network, plan), plan)
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key])
    copy.deepcopy(small)


# The traps, by their numbers in the table of what goes wrong.


def test_equalised_rates_count_what_is_left():
    """1: the weight is divided by the root of its current fan-in."""
    network = cuts.network('stylegan2_generator')
    family = cuts.family_of('stylegan2_generator')
    groups = channel_groups(network)
    plan = cuts.plan(groups, seed=0)
    dead = kill(network, plan)
    wrong = copy_of(dead)
    cut(wrong, groups, plan, same_function=False)
    assert difference(
        cuts.run(family, dead, False), cuts.run(family, wrong, False)) > .05


def test_vectors_of_spectral_norm_are_cut_with_their_weights():
    """2: filters own entries of u, columns k² entries of v each."""
    network = cuts.network('sagan_generator')
    groups = channel_groups(network)
    plan = {'conv_blocks.0.conv_1': [1, 4, 9]}
    small = remove_checked('sagan_generator', kill(network, plan), plan)
    assert small.conv_blocks[0].conv_1.conv.weight_u.shape == (3, )
    assert small.conv_blocks[0].conv_2.conv.weight_v.shape == (27, )
    slot, = (s for s in groups['conv_blocks.0.conv_1'].slots
             if s.tensor == 'conv_blocks.0.conv_2.conv.weight_v')
    assert slot.block == 9


def test_living_channels_are_not_removed():
    """3: spectral norm would scale the survivors up."""
    network = cuts.network('sagan_generator')
    plan = cuts.plan(channel_groups(network), seed=0)
    with pytest.raises(RemovalError, match='must be killed before'):
        remove_checked('sagan_generator', network, plan)


def test_spectral_norm_follows_after_a_kill():
    """4: stored vectors no longer belong to the largest singular value."""
    network = cuts.network('sagan_discriminator')
    plan = cuts.plan(channel_groups(network), seed=0, share=.4)
    dead = kill(network, plan)
    layer = dead.conv_blocks[1].conv_1.conv
    matrix = layer.weight_orig.detach().flatten(1)
    sigma = float(layer.weight_u @ (matrix @ layer.weight_v))
    largest = float(torch.linalg.matrix_norm(matrix, 2))
    assert sigma == pytest.approx(largest, .02)
    before = network.conv_blocks[1].conv_1.conv
    stale = float(before.weight_u @ (matrix @ before.weight_v))
    assert stale < .9 * sigma


def test_minibatch_statistics_keep_their_size():
    """5: fewer channels that are not dead have a larger mean."""
    name = 'stylegan2_discriminator'
    network = cuts.network(name)
    plan = {'convs.2': [0, 3, 5, 9]}
    groups = channel_groups(network)
    family = cuts.family_of(name)
    dead = kill(network, plan)
    column = dead.final_conv[0].conv.weight_orig.detach()[:, -1].clone()
    small = remove_checked(name, dead, plan)
    # And the fan-in falls from 17 to 5.
    assert torch.allclose(small.final_conv[0].conv.weight_orig[:, -1],
                          column * 4 / 16 * (5 / 17)**.5)
    forgotten = groups['convs.2']
    wrong = copy_of(dead)
    cut(wrong, {'convs.2': type(forgotten)(**{
        **vars(forgotten), 'mean': ()
    })}, plan)
    out = cuts.run(family, dead, False)
    right = difference(out, cuts.run(family, small, False), 1.)
    assert difference(out, cuts.run(family, wrong, False), 1.) > 10 * right


def test_a_group_is_never_emptied():
    """6: a weight of zeros under spectral norm is 0 / 0."""
    network = cuts.network('sagan_generator')
    with pytest.raises(ConfigError, match=r'plan.noise2feat = \[\]: a group '
                       'cannot be emptied'):
        kill(network, {'noise2feat': []})


@pytest.mark.parametrize('q,v', [(3, 13), (4, 16), (2, 11), (1, 4)])
def test_attention_computes_two_widths_from_one_number(q, v):
    """7: in_channels // 8 and // 2 stand in views."""
    network = attention_of_32()
    plan = {
        'conv_blocks.1.theta': list(range(q)),
        'conv_blocks.1.g': list(range(v))
    }
    small = remove(kill(network, plan), plan)
    block = small.conv_blocks[1]
    assert (block.in_channels // 8, block.in_channels // 2) == (q, v)
    assert block.theta.conv.weight_orig.shape[0] == q
    assert block.g.conv.weight_orig.shape[0] == v


@pytest.mark.parametrize('plan,said', [
    ({'conv_blocks.1.theta': [0, 1]}, 'conv_blocks.1.g = .16 channels.: .* '
     'from 8 to 11 of values'),
    ({'conv_blocks.1.g': list(range(12))}, 'has 4 query-key channels'),
])
def test_attention_refuses_other_widths(plan, said):
    with pytest.raises(ConfigError, match=said):
        kill(attention_of_32(), plan)


def attention_of_32():
    network = cuts.network('biggan_torch_generator')
    assert network.conv_blocks[1].in_channels == 32
    return network


def test_the_trunk_of_attention_leaves_its_number():
    """7: so that the stock constructor builds the same queries and keys."""
    network = attention_of_32()
    plan = {'conv_blocks.0': list(range(0, 32, 2))}
    small = remove(kill(network, plan), plan)
    assert small.conv_blocks[1].in_channels == 32
    assert small.conv_blocks[1].theta.conv.weight_orig.shape == (4, 16, 1, 1)


def test_a_skip_and_what_comes_up_share_an_axis():
    """8: offsets count in the numbering before the cut."""
    name = 'pix2pix_generator'
    network = cuts.network(name)
    groups = channel_groups(network)
    down = 'model.model.0'
    up = 'model.model.1.model.2'
    readers = {
        slot.offset
        for group in (down, up) for slot in groups[group].slots
        if slot.tensor == 'model.model.2.conv.weight'
    }
    assert readers == {0, 8}
    plan = {down: [0, 7], up: [1, 2, 3]}
    dead = kill(network, plan)
    columns = dead.model.model[2].conv.weight.abs().sum((1, 2, 3))
    living = torch.nonzero(columns).flatten().tolist()
    assert living == [0, 7, 9, 10, 11]
    small = remove_checked(name, dead, plan)
    assert small.model.model[2].conv.weight.shape[0] == 5


@pytest.mark.parametrize('name,group,tensor', [
    ('sagan_generator', 'noise2feat', 'noise2feat.weight_orig'),
    ('stylegan2_discriminator', 'final_conv',
     'final_linear.0.linear.weight_orig'),
    ('srgan_discriminator', 'conv4_1', 'linear1.weight')
])
def test_a_map_of_sixteen_pixels_is_a_channel(name, group, tensor):
    """9: the entries of a channel lie side by side."""
    found = channel_groups(cuts.network(name))[group]
    slot, = (s for s in found.slots if s.tensor == tensor)
    assert slot.block == 16
    assert indices(slot, [2])[:2] == [32, 33]


def test_modules_say_their_new_width():
    """10: StyleGAN2 and mmcv use the numbers in their forwards."""
    network = cuts.network('stylegan2_generator')
    plan = {'convs.0': [1, 2, 3], 'conv1': [0, 5]}
    small = remove_checked('stylegan2_generator', kill(network, plan), plan)
    assert small.convs[0].conv.out_channels == 3
    assert small.convs[0].conv.in_channels == 2
    assert small.convs[0].conv.style_modulation.linear.out_features == 2
    assert small.to_rgb1.conv.in_channels == 2
    chain = cuts.network('cyclegan_generator')
    plan = {'model.1': [0, 1, 4]}
    small = remove_checked('cyclegan_generator', kill(chain, plan), plan)
    block = small.model[1]
    assert block.conv.out_channels == block.out_channels == 3
    assert block.norm.num_features == 3
    assert small.model[2].in_channels == 3


def test_running_statistics_go_with_their_channel():
    """12: the mean of a dead channel is zero, its variance stays."""
    network = cuts.network('dcgan_generator')
    norm = network.noise2feat.bn
    wanted = norm.running_var[[3, 4]].clone()
    plan = {'noise2feat': [3, 4]}
    dead = kill(network, plan)
    assert dead.noise2feat.bn.running_mean.count_nonzero() == 2
    assert torch.equal(dead.noise2feat.bn.running_var, norm.running_var)
    small = remove(dead, plan)
    assert torch.equal(small.noise2feat.bn.running_var, wanted)


def test_an_output_that_is_not_finite_is_refused():
    """13: as untrained spectral norm may give."""
    network = cuts.network('dcgan_generator')
    with torch.no_grad():
        network.output_layer.conv.bias.fill_(float('nan'))
    with pytest.raises(RemovalError, match='is not finite before'):
        remove(network, {})


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

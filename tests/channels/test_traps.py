"""What goes wrong when channels are removed, by number, and what mends it.

====  ==================================================  ================
Trap  What goes wrong                                     Mended in
====  ==================================================  ================
1     equalised rates divide by the current fan-in        slicing
2     spectral norm keeps vectors as long as its weight   layer_axes
3     living channels: spectral norm scales survivors up  remove
4     vectors of spectral norm are stale after a kill     kill
5     minibatch statistics average over fewer channels    slicing
6     a weight of zeros under spectral norm is 0 / 0      groups
7     attention computes two widths from one number       groups, slicing
8     a skip and what comes up share an axis              groups, slicing
9     a flattened map has 16 entries per channel          groups
10    modules repeat their width as a number              slicing
11    torch copies no weight that has a history           slicing
12    running statistics belong to a channel              layer_axes, kill
13    untrained spectral norm: the output is not finite   remove, probe
14    optimizer and average hold the old tensors          slimmed
====  ==================================================  ================

A test of each does without the mending, too, and sees it go wrong.
"""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import replace

import pytest
import torch
from mmengine import DefaultScope
from mmengine.optim import build_optim_wrapper

from mmgancomp import families
from mmgancomp.channels import (
    RemovalError,
    channel_groups,
    kill,
    remove,
    slicing,
)
from mmgancomp.channels.probe import probe
from mmgancomp.channels.remove import difference
from mmgancomp.channels.slicing import copy_of, cut, indices
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.runtime.building import build_model
from tests.support import cuts, tiny

pytestmark = tiny.STOCK_WARNINGS


def removed(name, plan, groups=None):
    """A network without the channels of a plan, which are killed first."""
    network = cuts.network(name)
    dead = kill(network, plan, groups)
    return cuts.remove_checked(name, dead, plan, groups=groups)


def refused(name, plan, groups=None):
    """That the self-check of a removal stops it."""
    with pytest.raises(RemovalError):
        removed(name, plan, groups)


def without(monkeypatch, mending):
    """Switch a function of the slicer off."""
    monkeypatch.setattr(slicing, mending, lambda *args: None)


def altered(groups, change):
    """Groups whose slots are changed; where None comes back, left out."""
    return {
        name: replace(
            group,
            slots=tuple(slot for slot in map(change, group.slots)
                        if slot is not None))
        for name, group in groups.items()
    }


@pytest.mark.parametrize(
    'name', ['stylegan2_generator', 'stylegan2_discriminator'])
def test_1_equalised_rates_count_what_is_left(name, monkeypatch):
    plan = cuts.plan(channel_groups(cuts.network(name)), seed=0)
    removed(name, plan)
    without(monkeypatch, '_scale_equalised')
    refused(name, plan)


def test_2_vectors_of_spectral_norm_are_cut_with_their_weights():
    """Filters own entries of u, columns k² entries of v each."""
    name, plan = 'sagan_generator', {'conv_blocks.0.conv_1': [1, 4, 9]}
    small = removed(name, plan)
    assert small.conv_blocks[0].conv_1.conv.weight_u.shape == (3, )
    assert small.conv_blocks[0].conv_2.conv.weight_v.shape == (27, )
    groups = channel_groups(cuts.network(name))
    slot, = (s for s in groups['conv_blocks.0.conv_1'].slots
             if s.tensor == 'conv_blocks.0.conv_2.conv.weight_v')
    assert slot.block == 9
    for forgotten in ('weight_u', 'weight_v'):
        refused(
            name, plan,
            altered(groups, lambda s, end=forgotten: None
                    if s.tensor.endswith(end) else s))
    refused(
        name, plan,
        altered(groups, lambda s: replace(s, block=1)
                if s.tensor.endswith('conv_2.conv.weight_v') else s))


def test_2_ajbrock_s_style_has_its_vectors_the_other_way_round():
    name = 'biggan_ajbrock_generator'
    groups = channel_groups(cuts.network(name))
    plan = {'conv_blocks.0.conv1': list(range(0, 32, 2))}
    layer = removed(name, plan).conv_blocks[0].conv1.conv
    assert layer.u0.shape == (1, 16)
    refused(
        name, plan,
        altered(groups, lambda s: None if s.tensor.endswith('.u0') else s))


def test_3_living_channels_are_not_removed():
    """Spectral norm would scale the survivors up."""
    name = 'sagan_generator'
    network = cuts.network(name)
    plan = cuts.plan(channel_groups(network), seed=0)
    with pytest.raises(RemovalError, match='must be killed before'):
        cuts.remove_checked(name, network, plan)
    removed(name, plan)


def test_4_spectral_norm_follows_after_a_kill(monkeypatch):
    """Stored vectors no longer belong to the largest singular value."""
    network = cuts.network('sagan_discriminator')
    plan = cuts.plan(channel_groups(network), seed=0, share=.4)

    def of_the_largest(dead):
        layer = dead.conv_blocks[1].conv_1.conv
        matrix = layer.weight_orig.detach().flatten(1)
        sigma = float(layer.weight_u @ (matrix @ layer.weight_v))
        return sigma / float(torch.linalg.matrix_norm(matrix, 2))

    assert of_the_largest(kill(network, plan)) == pytest.approx(1, .02)
    monkeypatch.setattr(sys.modules[kill.__module__],
                        'refresh_spectral_norm', lambda *args: None)
    assert of_the_largest(kill(network, plan)) < .9


def test_5_minibatch_statistics_keep_their_size(monkeypatch):
    """Fewer channels that are not dead have a larger mean."""
    name, plan = 'stylegan2_discriminator', {'convs.2': [0, 3, 5, 9]}
    family = cuts.family_of(name)
    dead = kill(cuts.network(name), plan)
    column = dead.final_conv[0].conv.weight_orig.detach()[:, -1].clone()
    small = removed(name, plan)
    # And the fan-in falls from 17 to 5.
    assert torch.allclose(small.final_conv[0].conv.weight_orig[:, -1],
                          column * 4 / 16 * (5 / 17)**.5)
    without(monkeypatch, '_scale_means')
    wrong = copy_of(dead)
    cut(wrong, channel_groups(dead), plan)
    out = cuts.run(family, dead, False)
    right = difference(out, cuts.run(family, small, False), 1.)
    assert difference(out, cuts.run(family, wrong, False), 1.) > 10 * right


def test_6_a_group_is_never_emptied(monkeypatch):
    name, plan = 'sagan_generator', {'noise2feat': []}
    network = cuts.network(name)
    with pytest.raises(ConfigError, match=r'plan.noise2feat = \[\]: a group '
                       'cannot be emptied'):
        kill(network, plan)
    monkeypatch.setattr(sys.modules[kill.__module__], 'check_kept',
                        lambda *args: None)
    out = cuts.run(cuts.family_of(name), kill(network, plan), False)
    assert not torch.isfinite(out).all()


def attention_of_32():
    network = cuts.network('biggan_torch_generator')
    assert network.conv_blocks[1].in_channels == 32
    return network


@pytest.mark.parametrize('q,v', [(3, 13), (4, 16), (2, 11), (1, 4)])
def test_7_attention_computes_two_widths_from_one_number(q, v, monkeypatch):
    """``in_channels // 8`` and ``// 2`` stand in views."""
    plan = {
        'conv_blocks.1.theta': list(range(q)),
        'conv_blocks.1.g': list(range(v))
    }
    block = removed('biggan_torch_generator', plan).conv_blocks[1]
    assert (block.in_channels // 8, block.in_channels // 2) == (q, v)
    assert block.theta.conv.weight_orig.shape[0] == q
    assert block.g.conv.weight_orig.shape[0] == v
    if (q, v) != (4, 16):
        without(monkeypatch, '_mend_attention')
        refused('biggan_torch_generator', plan)


@pytest.mark.parametrize('plan,said', [
    ({'conv_blocks.1.theta': [0, 1]}, 'conv_blocks.1.g = .16 channels.: .* '
     'from 8 to 11 of values'),
    ({'conv_blocks.1.g': list(range(12))}, 'has 4 query-key channels'),
])
def test_7_attention_refuses_other_widths(plan, said):
    with pytest.raises(ConfigError, match=said):
        kill(attention_of_32(), plan)


def test_7_the_trunk_of_attention_leaves_its_number():
    """So that the stock constructor builds the same queries and keys."""
    plan = {'conv_blocks.0': list(range(0, 32, 2))}
    small = removed('biggan_torch_generator', plan)
    assert small.conv_blocks[1].in_channels == 32
    assert small.conv_blocks[1].theta.conv.weight_orig.shape == (4, 16, 1, 1)


def test_8_a_skip_and_what_comes_up_share_an_axis():
    """Offsets count in the numbering before the cut."""
    name = 'pix2pix_generator'
    groups = channel_groups(cuts.network(name))
    down, up = 'model.model.0', 'model.model.1.model.2'
    readers = {
        slot.offset
        for group in (down, up) for slot in groups[group].slots
        if slot.tensor == 'model.model.2.conv.weight'
    }
    assert readers == {0, 8}
    plan = {down: [0, 7], up: [1, 2, 3]}
    dead = kill(cuts.network(name), plan)
    columns = dead.model.model[2].conv.weight.abs().sum((1, 2, 3))
    living = torch.nonzero(columns).flatten().tolist()
    assert living == [0, 7, 9, 10, 11]
    small = removed(name, plan)
    assert small.model.model[2].conv.weight.shape[0] == 5
    # Cut one group after the other, the second offset is wrong.
    wrong = copy_of(dead)
    for group in (down, up):
        cut(wrong, groups, {group: plan[group]})
    with pytest.raises(RuntimeError, match='weight of size'):
        cuts.run(cuts.family_of(name), wrong, False)


@pytest.mark.parametrize('name,group,tensor', [
    ('sagan_generator', 'noise2feat', 'noise2feat.weight_orig'),
    ('stylegan2_discriminator', 'final_conv',
     'final_linear.0.linear.weight_orig'),
    ('srgan_discriminator', 'conv4_1', 'linear1.weight')
])
def test_9_a_map_of_sixteen_pixels_is_a_channel(name, group, tensor):
    """The entries of a channel lie side by side."""
    groups = channel_groups(cuts.network(name))
    slot, = (s for s in groups[group].slots if s.tensor == tensor)
    assert slot.block == 16
    assert indices(slot, [2])[:2] == [32, 33]
    plan = {group: list(range(1, groups[group].width))}
    removed(name, plan)
    refused(
        name, plan,
        altered(groups, lambda s: replace(s, block=1)
                if s.tensor == tensor else s))


def test_10_modules_say_their_new_width(monkeypatch):
    """StyleGAN2 and mmcv use the numbers in their forwards."""
    plan = {'convs.0': [1, 2, 3], 'conv1': [0, 5]}
    small = removed('stylegan2_generator', plan)
    assert small.convs[0].conv.out_channels == 3
    assert small.convs[0].conv.in_channels == 2
    assert small.convs[0].conv.style_modulation.linear.out_features == 2
    assert small.to_rgb1.conv.in_channels == 2
    chain = removed('cyclegan_generator', {'model.1': [0, 1, 4]})
    block = chain.model[1]
    assert block.conv.out_channels == block.out_channels == 3
    assert block.norm.num_features == 3
    assert chain.model[2].in_channels == 3
    without(monkeypatch, '_repeat_shape')
    refused('stylegan2_generator', plan)


@pytest.mark.parametrize('name', ['stylegan2_generator', 'sagan_generator'])
def test_11_a_network_that_has_trained_can_be_cut(name):
    """A forward with gradients leaves weights that torch does not copy."""
    network = cuts.network(name)
    cuts.run(cuts.family_of(name), network, True).sum().backward()
    with pytest.raises(RuntimeError, match='deepcopy'):
        copy.deepcopy(network)
    state = {k: v.clone() for k, v in network.state_dict().items()}
    plan = cuts.plan(channel_groups(network), seed=0)
    small = cuts.remove_checked(name, kill(network, plan), plan)
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key])
    # As the average is made of it.
    copy.deepcopy(small)


def test_12_running_statistics_go_with_their_channel():
    """The mean of a dead channel is zero, its variance stays."""
    name, plan = 'dcgan_generator', {'noise2feat': [3, 4]}
    network = cuts.network(name)
    norm = network.noise2feat.bn
    wanted = norm.running_var[[3, 4]].clone()
    dead = kill(network, plan)
    assert dead.noise2feat.bn.running_mean.count_nonzero() == 2
    assert torch.equal(dead.noise2feat.bn.running_var, norm.running_var)
    small = remove(dead, plan)
    assert torch.equal(small.noise2feat.bn.running_var, wanted)
    refused(
        name, plan,
        altered(
            channel_groups(network), lambda s: None
            if s.tensor.endswith('running_var') else s))


def test_13_an_output_that_is_not_finite_is_refused():
    """As untrained spectral norm may give: nothing could be compared."""
    network = cuts.network('dcgan_generator')
    family = cuts.family_of('dcgan_generator')
    with torch.no_grad():
        network.output_layer.conv.bias.fill_(float('nan'))
    with pytest.raises(RemovalError, match='is not finite before'):
        remove(network, {})
    with pytest.raises(MMGanCompError, match='not finite to begin with'):
        probe(network, lambda net: cuts.call(family, net))


def test_14_what_trains_and_what_is_averaged_is_the_narrow_network(tmp_path):
    """Cut later, optimizer and average would go on with the old tensors."""
    config = tiny.config('biggan', tmp_path)
    plan = tmp_path / 'plan.json'
    plan.write_text(json.dumps({
        'schema': 1,
        'networks': {'generator': {'noise2feat': [0, 3, 4]}}
    }))
    config.model.generator = dict(
        type='mmgancomp.Slimmed',
        network=config.model.generator,
        plan=str(plan))
    model = build_model(config)
    assert model.generator.noise2feat.bias.shape == (3 * 16, )
    average = families.of(model).networks(model)['generator'].ema
    own = {n: w.shape for n, w in model.generator.named_parameters()}
    assert own == {n: w.shape for n, w in average.named_parameters()}
    with DefaultScope.overwrite_default_scope('mmagic'):
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    assert ids(wrapper['generator'].optimizer) == {
        id(w) for w in model.generator.parameters()}

    late = cuts.network('dcgan_generator')
    optimizer = torch.optim.Adam(late.parameters())
    cut(late, channel_groups(late), {'noise2feat': [0, 3, 4]})
    assert ids(optimizer) != {id(w) for w in late.parameters()}


def ids(optimizer):
    """Which tensors an optimizer steps."""
    return {id(weight) for group in optimizer.param_groups
            for weight in group['params']}

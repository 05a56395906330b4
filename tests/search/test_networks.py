"""The space, the supernets and what is derived: published numbers, errors."""

from __future__ import annotations

import json
import random

import pytest
import torch
from torch import nn

from mmgancomp.errors import ConfigError
from mmgancomp.families.macs import macs
from mmgancomp.search import (
    NORMAL_OPERATIONS,
    PUBLISHED,
    DerivedGenerator,
    SearchableDiscriminator,
    SearchableGenerator,
    architecture,
    entropy,
    generator_space,
)
from mmgancomp.search.edges import choose, edges, relax
from mmgancomp.search.networks import NORMAL, UP


@pytest.mark.parametrize(('genotype', 'bottom', 'parameters', 'operations'), [
    ('alphagan_s', 4, 2_952_707, 0.745e9),
    ('alphagan_l', 4, 8_618_499, 2.719e9),
    ('alphagan_s', 6, 3_613_187, 1.676e9),
    ('alphagan_l', 6, 9_278_979, 6.117e9),
])
def test_published_networks(genotype, bottom, parameters, operations):
    with torch.device('meta'):
        network = DerivedGenerator(genotype, bottom_width=bottom).eval()
        noise = torch.randn(1, 128)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert network(noise).shape == (1, 3, 8 * bottom, 8 * bottom)
    assert macs(network, (noise, ), {})[0] == pytest.approx(
        operations, abs=1e6)


def test_sizes_of_spaces():
    assert generator_space().size == 198_359_290_368 == 6**9 * 3**9
    assert generator_space(2, NORMAL[:2], UP[:2]).size == 2**6 * 2**5
    assert generator_space(1).size == 6**3 * 3**2
    judge = SearchableDiscriminator(8, base_channels=4)
    assert judge.space.size == 3 * 5**7


def supernet(**options):
    torch.manual_seed(0)
    return SearchableGenerator(**dict(
        dict(noise_size=4, base_channels=4, bottom_width=2, num_cells=3),
        **options))


def test_supernet_has_an_edge_for_each_choice():
    network = supernet()
    assert len(edges(network)) == 18
    assert max(a.abs().max() for a in architecture(network)) < 1e-2
    # Nearly even at the start.
    assert entropy(network) == pytest.approx(
        (torch.tensor(6.).log() + torch.tensor(3.).log()).item() / 2,
        abs=1e-4)
    # No optimizer of weights gets the architecture, and no norm has weights.
    names = {n for n, _ in network.named_parameters()}
    assert not any(n.endswith('alpha') for n in names)
    assert all(not m.affine for c in network.cells for m in c.modules()
               if isinstance(m, nn.BatchNorm2d))
    assert sum(n.endswith('alpha') for n in network.state_dict()) == 18


def test_mixture_is_the_weighted_sum_and_eval_its_largest_part():
    network = supernet()
    edge = edges(network)[2]
    edge.alpha.copy_(torch.tensor([0., 1., 3., 0., -1., 0.]))
    x, weights = torch.randn(2, 4, 4, 4), edge.alpha.softmax(-1)
    network.eval()
    best = edge.operations['conv_5x5'](x)
    assert edge.best == 'conv_5x5'
    assert torch.allclose(edge(x), weights[2] * best)
    network.train()
    expected = sum(
        w * op(x) for w, op in zip(weights, edge.operations.values()))
    assert torch.allclose(edge(x), expected)
    edge.chosen = 'conv_5x5'
    assert torch.equal(edge(x), best)


def test_gumbel_draws_anew_in_training_only():
    network = supernet()
    noise = torch.randn(3, 4)
    assert torch.equal(network(noise), network(noise))
    relax(network, .5)
    assert not torch.equal(network(noise), network(noise))
    network.eval()
    assert torch.equal(network(noise), network(noise))


def test_derived_network_is_the_chosen_architecture():
    """With the supernet's weights, one choice and no weights of norms."""
    network = supernet(normal=['conv_1x1', 'conv_3x3'])
    genotype = network.space.draw(random.Random(3))
    choose(network, genotype)
    derived = DerivedGenerator(genotype.plain(), 4, 4, 2)
    state = {}
    for name, value in network.state_dict().items():
        before, mark, rest = name.partition('.operations.')
        if not mark:
            state[name] = value
        else:
            chosen = network.get_submodule(before).chosen
            option, _, inside = rest.partition('.')
            if option == chosen:
                state[f'{before}.{inside}'] = value
    derived.load_state_dict({k: v for k, v in state.items()
                             if not k.endswith('alpha')})
    noise = torch.randn(2, 4)
    assert torch.allclose(derived(noise), network(noise), atol=1e-6)


def test_a_skip_of_factor_4_shares_its_layer():
    genotype = [
        dict(up=['nearest', 'nearest'], normal=['identity'] * 3,
             skip=['deconv'] * n) for n in range(3)]
    network = DerivedGenerator(genotype, 4, 4, 2)
    one = 2 * 2 * 4 * 4 + 4
    assert [sum(p.numel() for p in c.parameters())
            for c in network.cells] == [0, one, 2 * one]


def test_noise_may_be_drawn_or_returned():
    network = supernet()
    assert network(None, num_batches=3).shape == (3, 3, 16, 16)
    made = network(torch.zeros, num_batches=2, return_noise=True)
    assert made['noise_batch'].eq(0).all()
    assert torch.equal(made['fake_img'],
                       network(torch.zeros(2, 4), label=None))


def test_a_plugin_adds_an_operation():
    @NORMAL_OPERATIONS.register_module('twice')
    class Twice(nn.Module):
        def __init__(self, inside, outside, affine):
            super().__init__()

        def forward(self, x):
            return 2 * x

    try:
        network = supernet(normal=['twice', 'identity'])
        assert network.space.size == 2**9 * 3**9
        assert network(torch.randn(2, 4)).shape == (2, 3, 16, 16)
        cell = dict(up=['nearest'] * 2, normal=['twice'] * 3)
        assert DerivedGenerator([cell], 4, 4, 2)(
            torch.randn(2, 4)).shape == (2, 3, 4, 4)
    finally:
        del NORMAL_OPERATIONS.module_dict['twice']


@pytest.mark.parametrize('name', sorted(
    set(NORMAL_OPERATIONS.module_dict)))
def test_every_normal_operation_keeps_the_resolution(name):
    built = NORMAL_OPERATIONS.module_dict[name](4, 4, True)
    assert built(torch.randn(2, 4, 5, 5)).shape == (2, 4, 5, 5)


@pytest.mark.parametrize('name', ['deconv', 'nearest', 'bilinear',
                                  'deconv_norm', 'nearest_conv',
                                  'bilinear_conv'])
def test_every_up_operation_multiplies_it(name):
    network = supernet(up=[name], num_cells=3)
    assert network(torch.randn(2, 4)).shape == (2, 3, 16, 16)


def test_random_architectures_of_the_same_size():
    like = DerivedGenerator('alphagan_s', base_channels=16)
    wanted = sum(p.numel() for p in like.parameters())
    found = [
        DerivedGenerator(dict(random=seed, like='alphagan_s', within=.05),
                         base_channels=16) for seed in (0, 0, 1)]
    for network in found:
        count = sum(p.numel() for p in network.parameters())
        assert abs(count - wanted) <= .05 * wanted
    digests = [network.genotype.digest() for network in found]
    assert digests[0] == digests[1] != digests[2]


def test_genotypes_from_files(tmp_path):
    path = tmp_path / 'genotype.json'
    path.write_text(json.dumps(dict(
        schema=1, generator=PUBLISHED['alphagan_l'].plain())))
    with torch.device('meta'):
        assert DerivedGenerator(str(path)).genotype == (
            PUBLISHED['alphagan_l'])


@pytest.mark.parametrize(('options', 'message'), [
    (dict(genotype='alphagan_m'), "did you mean 'alphagan_"),
    (dict(genotype=[dict(up=['deconv'], normal=['conv_1x1'] * 3)]),
     'cell 1 must have 2 up, 3 normal'),
    (dict(genotype=[dict(up=['deconv'] * 2, normal=['conv_2x2'] * 3)]),
     'no such normal operation'),
    (dict(genotype=dict(random=0)), 'genotype.like'),
    (dict(genotype=dict(random=-1, like='alphagan_s')), 'a seed'),
    (dict(genotype=dict(random=0, like='alphagan_s', within=1e-9)),
     'write a larger one'),
    (dict(genotype='alphagan_s', base_channels=0), 'base_channels = 0'),
    (dict(genotype='alphagan_s', num_classes=10), 'num_classes=0'),
])
def test_wrong_derived_generators(options, message):
    with pytest.raises(ConfigError, match=message), torch.device('meta'):
        DerivedGenerator(**options)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(normal=['conv_1x1', 'conv_1x1']), 'twice'),
    (dict(up=['conv_1x1']), 'no such up-sampling operation'),
    (dict(normal='conv_1x1'), 'write a list'),
    (dict(num_cells=0), 'at least 1'),
])
def test_wrong_supernets(options, message):
    with pytest.raises(ConfigError, match=message):
        supernet(**options)


def test_first_cell_of_the_discriminator_weighs_raw_or_by_softmax():
    image = torch.randn(2, 3, 8, 8)
    torch.manual_seed(0)
    raw = SearchableDiscriminator(8, base_channels=4)
    torch.manual_seed(0)
    soft = SearchableDiscriminator(8, base_channels=4, first_cell='softmax')
    assert torch.equal(raw.cells[0].lift.alpha, soft.cells[0].lift.alpha)
    assert torch.equal(raw.cells[0].lift.mixture(), raw.cells[0].lift.alpha)
    assert not torch.equal(raw(image), soft(image))

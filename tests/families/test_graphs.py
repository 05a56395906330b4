"""Copies and graphs of generators compute what the networks compute."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError
from mmgancomp.families.graphs import Graph
from mmgancomp.families.plain_copy import plain_copy
from tests.support import exported, tiny

pytestmark = tiny.STOCK_WARNINGS


def generator(family, **overrides):
    torch.manual_seed(0)
    model = tiny.model(family, **overrides)
    exported.lively(model)
    found = families.of(model)
    network = next(iter(found.networks(model).values())).module
    return found, network.eval()


def images(family, network, graph, batch=2, seed=0):
    """Of the stock network and of the graph, for the same tensors."""
    random = torch.Generator().manual_seed(seed)
    args, kwargs = family.example_call(network, batch, random)
    tensors = [*args, *kwargs.values(), *graph.more(batch, random)]
    args, kwargs = graph.call(tensors)
    with torch.no_grad():
        return network(*args, **kwargs), graph(*tensors)


@pytest.mark.parametrize('name', tiny.FAMILIES)
def test_a_graph_is_the_same_function(name):
    family, network = generator(name)
    before = deepcopy(network.state_dict())
    graph = family.graph(network)
    stock, equal = images(family, network, graph)
    assert stock.isfinite().all() and float(stock.std()) > 1e-3
    assert torch.allclose(equal, stock, atol=1e-5, rtol=1e-5)
    assert not any('weight_orig' in key for key in graph.state_dict())
    assert not graph.training
    # What was exported goes on training.
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize('noise', ['fixed', 'input'])
def test_stylegan2_convolves_with_shared_weights(noise):
    family, network = generator('stylegan2')
    graph = family.graph(network, noise)
    stock, equal = images(family, network, graph, batch=3)
    assert torch.allclose(equal, stock, atol=1e-5, rtol=1e-5)
    assert not any(
        type(module).__name__ == 'ModulatedConv2d'
        for module in graph.modules())
    with torch.no_grad():
        for key, weight in graph.named_parameters():
            if key.endswith('noise_injector.weight'):
                weight += 1
    # The noise maps do reach the image.
    assert not torch.allclose(images(family, network, graph, batch=3)[1],
                              stock, atol=1e-2)


def test_noise_maps_are_inputs_of_each_image():
    family, network = generator('stylegan2')
    graph = family.graph(network, 'input')
    count = network.num_injected_noises
    assert graph.inputs == ['noise'
                            ] + [f'noise_map_{i}' for i in range(count)]
    args, _ = family.example_call(network, 1, torch.Generator())
    maps = [torch.cat([a, b]) for a, b in zip(
        graph.more(1, torch.Generator().manual_seed(1)),
        graph.more(1, torch.Generator().manual_seed(2)))]
    with torch.no_grad():
        one, other = graph(torch.cat([args[0]] * 2), *maps)
    assert not torch.allclose(one, other, atol=1e-3)


def test_only_noise_that_is_there_becomes_an_input():
    family, network = generator('dcgan')
    with pytest.raises(ConfigError, match='--noise = .input.*injects no'):
        family.graph(network, 'input')


def test_half_precision_blocks_have_no_graph():
    model = tiny.model('stylegan2', generator=dict(num_fp16_scales=1))
    with pytest.raises(ConfigError, match='num_fp16_scales=0'):
        families.of(model).graph(model.generator)


def test_conditional_stylegan2():
    family, network = generator('stylegan2', generator=dict(cond_size=4))
    graph = family.graph(network)
    assert graph.inputs == ['noise', 'label']
    stock, equal = images(family, network, graph)
    assert torch.allclose(equal, stock, atol=1e-5, rtol=1e-5)


def layer(kind):
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 4, 3)
    if kind == 'hook':
        return nn.utils.spectral_norm(convolution)
    if kind == 'parametrized':
        return nn.utils.parametrizations.spectral_norm(convolution)
    from mmagic.models.editors.biggan.biggan_snmodule import SNConv2d
    return SNConv2d(3, 4, 3)


@pytest.mark.parametrize('kind', ['hook', 'parametrized', 'ajbrock'])
def test_spectral_norm_becomes_its_weight(kind):
    network = nn.Sequential(layer(kind))
    x = torch.randn(2, 3, 8, 8)
    for _ in range(5):
        network(x)
    # A forward with gradients leaves a weight that cannot be copied.
    wanted = network.eval()(x)
    plain = plain_copy(network)
    assert set(plain.state_dict()) == {'0.weight', '0.bias'}
    assert torch.allclose(plain(x), wanted, atol=1e-6)
    assert torch.equal(network(x), wanted)


def test_names_of_inputs_say_what_they_are():
    call = [torch.zeros(1, 3, 4, 4)]
    assert Graph(nn.Identity(), call, []).inputs == ['source']
    assert Graph(nn.Identity(), [torch.zeros(1, 4)],
                 ['label']).inputs == ['noise', 'label']
    graph = Graph(nn.Identity(), call * 2, ['scale'])
    assert graph.inputs == ['source', 'input_1', 'scale']
    assert graph.call([1, 2, 3]) == ((1, 2), dict(scale=3))

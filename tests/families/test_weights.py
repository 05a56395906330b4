from __future__ import annotations

import pytest
from torch import nn

from mmgancomp import families
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


def total(network: nn.Module, weights) -> int:
    return sum(
        network.get_parameter(weight.name).numel() for weight in weights)


# Of the networks that the lottery-ticket paper masks, counted by their
# authors' code; the first linear layer is not among them.
@pytest.mark.parametrize('name, sizes', [
    ('sngan_proj', dict(generator=3_742_464, discriminator=1_052_416)),
    ('cyclegan', {
        'generators.photo': 11_372_928,
        'generators.mask': 11_372_928,
        'discriminators.photo': 2_763_776,
        'discriminators.mask': 2_763_776
    }),
])
def test_maskable_totals_of_stock_models(name, sizes):
    model = tiny.stock_model(name)
    family = families.of(model)
    assert {
        key: total(network.module, family.convolutions(network.module))
        for key, network in family.networks(model).items()
    } == sizes


def test_first_linear_of_stock_sngan_can_be_added():
    model = tiny.stock_model('sngan_proj')
    linears = families.of(model).linears(model.generator)
    assert [weight.name for weight in linears] == ['noise2feat.weight']
    assert total(model.generator, linears) == 128 * 4096


@pytest.mark.parametrize('name', tiny.FAMILIES)
def test_axes_fit_the_weights(name):
    model = tiny.model(name)
    family = families.of(model)
    for network in family.networks(model).values():
        module = network.module
        order = [key for key, _ in module.named_parameters()]
        weights = family.convolutions(module)
        places = [order.index(weight.name) for weight in weights]
        assert places == sorted(places)
        for weight in weights + family.linears(module):
            parameter = module.get_parameter(weight.name)
            layer = module.get_submodule(weight.name.rpartition('.')[0])
            linear = isinstance(layer, nn.Linear)
            outputs = layer.out_features if linear else layer.out_channels
            wanted = layer.in_features if linear else layer.in_channels
            assert parameter.shape[weight.out_axis] == outputs
            assert parameter.shape[weight.in_axis] == wanted
            kernel = parameter.shape[parameter.ndim - weight.kernel_dims:]
            assert len(set(kernel)) <= 1 and max(kernel, default=1) <= 7


def test_modulated_convolution_has_an_axis_before_its_outputs():
    model = tiny.model('stylegan2')
    first, *_ = families.of(model).convolutions(model.generator)
    assert first.name == 'conv1.conv.weight_orig'
    assert (first.out_axis, first.in_axis, first.kernel_dims) == (1, 2, 2)
    assert model.generator.get_parameter(first.name).shape == (1, 16, 16, 3, 3)


def test_every_weight_of_stylegan2_is_accounted_for():
    """What has two axes or more is maskable, or left out by its nature."""
    model = tiny.model('stylegan2')
    family = families.of(model)
    found = {
        weight.name
        for weight in family.convolutions(model.generator)
        + family.linears(model.generator)
    }
    large = {
        name
        for name, parameter in model.generator.named_parameters()
        if parameter.ndim > 1
    }
    assert large - found == {
        'constant_input.input', 'to_rgb1.bias', 'to_rgbs.0.bias',
        'to_rgbs.1.bias'
    }
    assert not found - large


@pytest.mark.parametrize('style, suffix', [('torch', '.weight_orig'),
                                           ('ajbrock', '.weight')])
def test_both_styles_of_spectral_norm_in_biggan(style, suffix):
    model = tiny.model(
        'biggan',
        generator=dict(sn_style=style),
        discriminator=dict(sn_style=style))
    family = families.of(model)
    for network in family.networks(model).values():
        weights = family.convolutions(network.module)
        assert len(weights) == 10
        assert all(weight.name.endswith(suffix) for weight in weights)


@pytest.mark.parametrize('name', ['biggan', 'sagan', 'sngan_proj'])
def test_embeddings_and_norms_are_left_out(name):
    model = tiny.model(name)
    family = families.of(model)
    for network in family.networks(model).values():
        allowed = (nn.Conv2d, nn.Linear)
        for weight in (family.convolutions(network.module)
                       + family.linears(network.module)):
            owner = weight.name.rpartition('.')[0]
            assert isinstance(network.module.get_submodule(owner), allowed)


def test_stylegan3_layers_are_modulated_convolutions_of_another_shape():
    """Their class is no torch convolution, the mapping no torch linear."""
    from mmagic.models.editors.stylegan3.stylegan3_modules import (
        SynthesisLayer,
    )
    layer = SynthesisLayer.__new__(SynthesisLayer)
    nn.Module.__init__(layer)
    layer.weight = nn.Parameter(nn.Conv2d(5, 6, 3).weight.detach())
    network = nn.Sequential(layer, nn.Conv2d(6, 3, 1))
    model = tiny.model('stylegan2')
    weights = families.of(model).convolutions(network)
    assert [(weight.name, weight.out_axis, weight.in_axis)
            for weight in weights] == [('0.weight', 0, 1), ('1.weight', 0, 1)]

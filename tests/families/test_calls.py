"""Example calls are legal, and within ``fixed_noise`` they repeat."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def example(family, network, size=None, batch=2, seed=0):
    return family.example_call(network, batch, seeded(seed), size)


def equal(one, other) -> bool:
    (args, kwargs), (others, other_kwargs) = one, other
    return kwargs.keys() == other_kwargs.keys() and all(
        torch.equal(a, b) for a, b in zip((*args, *kwargs.values()), (
            *others, *other_kwargs.values())))


@pytest.mark.parametrize('name', tiny.FAMILIES)
def test_every_network_takes_its_example(name):
    model = tiny.model(name)
    family = families.of(model)
    size = tiny.SIZES[name]
    for network in family.networks(model).values():
        # Only fully convolutional networks need to be told the size.
        given = size if network.optimizer.endswith('s') else None
        state = torch.get_rng_state()
        args, kwargs = example(family, network.module, given)
        assert torch.equal(torch.get_rng_state(), state)
        output = network.module(*args, **kwargs)
        assert len(output) == 2 and torch.isfinite(output).all()
        if network.role == 'generator':
            edge = 256 if name.endswith('srgan') else size
            assert output.shape == (2, 3, edge, edge)
        again = example(family, network.module, given)
        assert equal((args, kwargs), again)
        other = example(family, network.module, given, seed=1)
        assert not equal((args, kwargs), other)


@pytest.mark.parametrize('name', ['biggan', 'sagan', 'sngan_proj'])
def test_labels_are_passed_as_in_training(name):
    model = tiny.model(name)
    family = families.of(model)
    for network in family.networks(model).values():
        _, kwargs = example(family, network.module, batch=32)
        assert kwargs['label'].shape == (32, )
        assert sorted(kwargs['label'].unique()) == [0, 1, 2]


def test_images_are_in_the_range_of_training():
    model = tiny.model('dcgan')
    (images, ), _ = example(families.of(model), model.discriminator)
    assert images.shape == (2, 3, 32, 32)
    assert -1 <= images.min() < -0.9 and 0.9 < images.max() <= 1


def test_pix2pix_discriminator_sees_source_and_target():
    model = tiny.model('pix2pix')
    (images, ), _ = example(
        families.of(model), model.discriminators['photo'], size=16)
    assert images.shape == (2, 6, 16, 16)


@pytest.mark.parametrize('name, path, size', [
    ('stylegan2', 'discriminator', 16),
    ('biggan', 'discriminator', 32),
    ('sngan_proj', 'discriminator', 32),
    ('dcgan', 'discriminator', 32),
    ('cyclegan', 'generators.photo', 256),
    ('cyclegan', 'discriminators.photo', 256),
    ('pix2pix', 'generators.photo', 256),
])
def test_default_size(name, path, size):
    model = tiny.model(name)
    (images, ), _ = example(families.of(model), model.get_submodule(path))
    assert images.shape[-2:] == (size, size)


@pytest.mark.parametrize('size', [32, 64, 128])
def test_projection_discriminator_knows_its_size_by_its_table(size):
    model = tiny.model(
        'sngan_proj',
        generator=dict(output_scale=size, base_channels=2),
        discriminator=dict(input_scale=size, base_channels=2))
    (images, ), _ = example(families.of(model), model.discriminator)
    assert images.shape[-1] == size


def test_projection_discriminator_of_ones_own_ends_at_four_pixels():
    model = tiny.model(
        'sngan_proj',
        discriminator=dict(
            channels_cfg=[1, 1], downsample_cfg=[True, False]))
    (images, ), _ = example(families.of(model), model.discriminator)
    assert images.shape[-1] == 16


def test_a_network_that_does_not_say_its_size_asks_for_it():
    model = tiny.model('dcgan')
    network = nn.Sequential(nn.Conv2d(3, 1, 3))
    family = families.of(model)
    with pytest.raises(ConfigError, match='give the size'):
        example(family, network)
    (images, ), _ = example(family, network, size=9)
    assert images.shape == (2, 3, 9, 9)


def test_minibatch_statistics_limit_the_batch():
    model = tiny.model('stylegan2')
    family = families.of(model)
    for batch in (1, 3, 4, 8):
        args, _ = example(family, model.discriminator, batch=batch)
        assert len(model.discriminator(*args)) == batch
    with pytest.raises(ConfigError, match='multiple of 4'):
        example(family, model.discriminator, batch=6)


def test_conditions_of_stylegan2_are_passed():
    model = tiny.model(
        'stylegan2',
        narrow=False,
        generator=dict(cond_size=5, out_size=4),
        discriminator=dict(cond_size=5, in_size=4))
    family = families.of(model)
    for network in family.networks(model).values():
        args, kwargs = example(family, network.module)
        assert kwargs['label'].shape == (2, 5)
        assert len(network.module(*args, **kwargs)) == 2


@pytest.fixture
def noisy():
    """StyleGAN2, its noise injection on: it starts with strength zero."""
    model = tiny.model('stylegan2')
    for name, parameter in model.generator.named_parameters():
        if 'noise_injector' in name:
            nn.init.ones_(parameter)
    return model


def test_fixed_noise_of_stylegan2(noisy):
    family, network = families.of(noisy), noisy.generator
    args, kwargs = example(family, network)
    assert not torch.equal(network(*args, **kwargs), network(*args, **kwargs))
    with family.fixed_noise(network):
        outputs = [network(*args, **kwargs) for _ in range(2)]
        # The noise that the network itself keeps for the purpose.
        outputs.append(network(*args, randomize_noise=False))
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.equal(network(*args, **kwargs), outputs[0])


def test_fixed_noise_is_undone_after_an_error(noisy):
    network = noisy.generator
    args, kwargs = example(families.of(noisy), network)
    with pytest.raises(RuntimeError, match='inside'):
        with families.of(noisy).fixed_noise(network):
            raise RuntimeError('inside')
    assert not torch.equal(network(*args, **kwargs), network(*args, **kwargs))


@pytest.fixture
def dropping():
    """Pix2Pix deep enough to have dropout, which the tiny one is not."""
    return tiny.model('pix2pix', generator=dict(num_down=6))


def test_fixed_noise_holds_dropout(dropping):
    family = families.of(dropping)
    network = dropping.generators['photo']
    args, kwargs = example(family, network, size=64)
    assert not torch.equal(network(*args, **kwargs), network(*args, **kwargs))
    states = torch.get_rng_state(), random.getstate()
    with family.fixed_noise(network):
        assert torch.equal(network(*args, **kwargs), network(*args, **kwargs))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert not torch.equal(network(*args, **kwargs), network(*args, **kwargs))


def test_a_forward_that_fails_does_not_leave_the_seed(dropping):
    family = families.of(dropping)
    network = dropping.generators['photo']
    state = torch.get_rng_state()
    with family.fixed_noise(network):
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 5, 64, 64))
        assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize('name', tiny.FAMILIES)
def test_every_network_repeats_itself_within_fixed_noise(name):
    model = tiny.model(name).eval()
    family = families.of(model)
    for network in family.networks(model).values():
        size = 32 if network.optimizer.endswith('s') else None
        args, kwargs = example(family, network.module, size)
        before = dict(network.module._forward_pre_hooks)
        with family.fixed_noise(network.module):
            one, two = (network.module(*args, **kwargs) for _ in range(2))
        assert torch.equal(one, two)
        assert network.module._forward_pre_hooks == before


def test_a_strangers_network_is_seeded_by_default():

    class Restless(nn.Module):

        def forward(self, x):
            return x + torch.randn(()) + random.random()

    class Stranger(families.Family):
        name = 'stranger'
        claims = networks = adversarial_loss = example_call = None

    network = Restless()
    state = torch.get_rng_state()
    with Stranger().fixed_noise(network):
        assert network(0.) == network(0.)
    assert torch.equal(torch.get_rng_state(), state)
    assert network(0.) != network(0.)

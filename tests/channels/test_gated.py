"""Generators with gates: stock but for two groups of names."""

import copy

import pytest
import torch
from mmengine import DefaultScope

from mmgancomp import families
from mmgancomp.channels.gating import gates_of
from mmgancomp.errors import ConfigError
from mmgancomp.registry import MODELS
from tests.support import gated, tiny
from tests.support.examples import example

pytestmark = tiny.STOCK_WARNINGS

SITES = dict(stylegan2=5, biggan=6, sagan=6, sngan_proj=6, dcgan=3,
             cyclegan=8, pix2pix=9)
"""Gates per family at its tiny size: a residual block has two."""

SAGAN = dict(
    type='SAGANGenerator',
    output_scale=128,
    base_channels=64,
    noise_size=128,
    num_classes=1000,
    attention_after_nth_block=4,
    with_spectral_norm=True)


def build(network, **options):
    with DefaultScope.overwrite_default_scope('mmagic'):
        return MODELS.build(
            dict(type='mmgancomp.Gated', network=network, **options))


def models(family, tmp_path):
    """The tiny model of a family, without gates and with them."""
    plain = tiny.model(family)
    config = gated.config(family, tmp_path)
    with DefaultScope.overwrite_default_scope('mmagic'):
        return plain, MODELS.build(config.model)


def generator(model):
    return next(n.module for n in families.of(model).networks(model).values()
                if n.role == 'generator')


@pytest.mark.parametrize('family', gated.FAMILIES)
def test_only_gates_and_transitions_are_new(family, tmp_path):
    plain, model = (generator(m) for m in models(family, tmp_path))
    assert type(plain) is type(model)
    own = model.state_dict()
    for name, value in plain.state_dict().items():
        assert own.pop(name).shape == value.shape
    assert {name.split('.')[0] for name in own} <= {'gates', 'transitions'}
    gates = gates_of(model)
    assert len(gates) == SITES[family]
    joins = sum(site.joins for site in families.gate_sites(model))
    assert len({name.split('.')[1] for name in own
                if name.startswith('transitions.')}) == joins


@pytest.mark.parametrize('family', gated.FAMILIES)
def test_each_gate_reaches_the_image_and_a_copy_has_its_own(family,
                                                           tmp_path):
    network = generator(models(family, tmp_path)[1])
    # Before any call: spectral norm cannot be copied after one.
    twin = copy.deepcopy(network)
    for module in (network, twin):
        args, kwargs = example(families.of_network(module)
                               if hasattr(families, 'of_network') else family,
                               module)
        module.train()(*args, **kwargs)
        module.eval()
    with families_noise(family, network), families_noise(family, twin):
        whole, other = network(*args, **kwargs), twin(*args, **kwargs)
        for gate in gates_of(network).values():
            gate.frozen.fill_(True)
            gate.kept[0] = False
            assert not torch.equal(network(*args, **kwargs), whole)
            gate.frozen.fill_(False)
        assert torch.equal(twin(*args, **kwargs), other)


@pytest.mark.parametrize('family', gated.FAMILIES)
def test_a_closed_channel_has_no_part_in_the_image(family, tmp_path):
    """Not even by a bias, a norm or injected noise behind the convolution:
    whatever its filter is."""
    network = generator(models(family, tmp_path)[1])
    args, kwargs = example(family, network)
    network.train()(*args, **kwargs)
    network.eval()
    for gate in gates_of(network).values():
        gate.frozen.fill_(True)
        gate.kept[1] = False
    with families_noise(family, network):
        before = network(*args, **kwargs)
        for site in families.gate_sites(network):
            module = network.get_submodule(site.after)
            handle = module.register_forward_pre_hook(
                lambda m, inputs: (spoil(inputs[0]), *inputs[1:]))
            # The layer's own input is spoilt where it is a norm: a channel
            # of it is one of the convolution's.
            if site.after == site.conv:
                handle.remove()
                continue
            assert torch.equal(network(*args, **kwargs), before)
            handle.remove()


def spoil(x):
    x = x.clone()
    x[:, 1] = 7.
    return x


def families_noise(family, network):
    known = next(f for f in families.known()
                 if f.name == gated.FAMILY_NAMES[family])
    return known.fixed_noise(network)


def test_parameters_of_the_papers_student():
    stock = MODELS.build(dict(SAGAN))
    student = build(SAGAN)
    counts = {}
    for name, p in student.named_parameters():
        part = name.split('.')[0]
        part = part if part in ('gates', 'transitions') else 'stock'
        counts[part] = counts.get(part, 0) + p.numel()
    assert sum(p.numel() for p in stock.parameters()) == 42_017_412
    assert counts['stock'] == 42_017_412
    assert counts['stock'] + counts['transitions'] == 43_416_132
    assert counts['gates'] == 2 * (1024 + 512 + 256 + 128 + 64)
    assert len(gates_of(student)) == 10


def test_transitions_have_the_norm_of_the_block():
    student = build({**SAGAN, 'base_channels': 8})
    assert all(hasattr(layer, 'weight_u')
               for layer in student.transitions.values())
    plain = build({**SAGAN, 'base_channels': 8, 'with_spectral_norm': False})
    assert not any(hasattr(layer, 'weight_u')
                   for layer in plain.transitions.values())


def test_two_networks_of_one_config_begin_alike(tmp_path):
    model = models('cyclegan', tmp_path)[1]
    one, other = (gates_of(n.module) for n in families.of(model).networks(
        model).values() if n.role == 'generator')
    for name, gate in one.items():
        assert torch.equal(gate.weight, other[name].weight)
    first, second, *_ = one.values()
    assert not torch.equal(first.weight[:8].argsort(),
                           second.weight[:8].argsort())


@pytest.mark.parametrize('options, match', [
    (dict(network=None), 'network = None.*give the config'),
    (dict(delta=0), 'delta = 0.*above 0'),
    (dict(initial=(1., 1.)), 'all close in the same update'),
    (dict(initial=(1., )), 'lowest and the highest'),
    (dict(seed=.5), 'seed = 0.5.*whole number'),
    (dict(detla=5), 'detla = 5.*did you mean.*delta'),
    (dict(network=dict(type='PatchDiscriminator', in_channels=3)),
     'gate_sites'),
])
def test_a_wrong_option_is_named(options, match):
    with pytest.raises(ConfigError, match=match):
        build(**{'network': SAGAN, **options})

"""Generators with gates: stock but for two groups of names."""

import copy

import pytest
import torch
from mmengine import DefaultScope

from mmgancomp import families
from mmgancomp.channels.gating import gates_of
from mmgancomp.errors import ConfigError
from mmgancomp.families.macs import macs
from mmgancomp.registry import MODELS
from tests.families.test_narrowing import SAGAN
from tests.support import gated, tiny

pytestmark = tiny.STOCK_WARNINGS

SITES = dict(stylegan2=5, biggan=6, sagan=6, sngan_proj=6, dcgan=3,
             searched=13, cyclegan=8, pix2pix=9, srgan=5, esrgan=19)
"""Gates per family at its tiny size: a residual block has two."""


def build(network, **options):
    with DefaultScope.overwrite_default_scope('mmagic'):
        return MODELS.build(
            dict(type='mmgancomp.Gated', network=network, **options))


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The tiny model of a family with gates, made once."""
    made = {}

    def of(family):
        if family not in made:
            config = gated.config(family, tmp_path_factory.mktemp(family))
            with DefaultScope.overwrite_default_scope('mmagic'):
                made[family] = MODELS.build(config.model)
        return made[family]

    return of


def generator(model):
    """A model's family, its first generator, and arguments for it."""
    known = families.of(model)
    network = next(n.module for n in known.networks(model).values()
                   if n.role == 'generator')
    size = dict(cyclegan=32, pix2pix=32, srgan=16).get(known.name)
    args, _ = call = known.example_call(network, 2,
                                        torch.Generator().manual_seed(0),
                                        size)
    assert len(args[0]) == 2
    return known, network, call


@torch.no_grad()
def settle(network, args, kwargs):
    """Let statistics and spectral norm find their place."""
    for _ in range(2):
        network.train()(*args, **kwargs)
    network.eval()


@pytest.mark.parametrize('family', gated.FAMILIES)
def test_only_gates_and_transitions_are_new(family, built):
    plain, model = (generator(m)[1]
                    for m in (tiny.model(family), built(family)))
    assert type(plain) is type(model)
    own = model.state_dict()
    for name, value in plain.state_dict().items():
        assert own.pop(name).shape == value.shape
    assert {name.split('.')[0] for name in own} <= {'gates', 'transitions'}
    assert len(gates_of(model)) == SITES[family]
    joins = sum(site.joins for site in families.gate_sites(model))
    assert len({name.split('.')[1] for name in own
                if name.startswith('transitions.')}) == joins


@pytest.mark.parametrize('family', gated.FAMILIES)
def test_each_gate_reaches_the_image_and_a_copy_has_its_own(family,
                                                           built):
    known, network, (args, kwargs) = generator(built(family))
    with torch.no_grad():
        network(*args, **kwargs)
    twin = copy.deepcopy(network)
    for module in (network, twin):
        settle(module, args, kwargs)
    with known.fixed_noise(network), known.fixed_noise(
            twin), torch.no_grad():
        whole, other = network(*args, **kwargs), twin(*args, **kwargs)
        for gate in gates_of(network).values():
            gate.frozen.fill_(True)
            gate.kept[0] = False
            assert not torch.equal(network(*args, **kwargs), whole)
            assert torch.equal(twin(*args, **kwargs), other)
            gate.frozen.fill_(False)
            gate.kept[0] = True


@pytest.mark.parametrize('family', gated.FAMILIES)
def test_a_closed_channel_has_no_part_in_the_image(family, built):
    """Nothing behind its convolution, be it norm, bias or noise, revives
    it."""
    known, network, (args, kwargs) = generator(built(family))
    settle(network, args, kwargs)
    for gate in gates_of(network).values():
        gate.frozen.fill_(True)
        gate.kept[1] = False

    def spoil(module, inputs, output):
        output = output.clone()
        output[:, site.shuffled:2 * site.shuffled] += 7.
        return output

    with known.fixed_noise(network), torch.no_grad():
        before = network(*args, **kwargs)
        for site in families.gate_sites(network):
            conv = network.get_submodule(site.conv)
            # In front of the gate's hook where both are at one module.
            handle = conv.register_forward_hook(spoil, prepend=True)
            assert torch.equal(network(*args, **kwargs), before), site
            handle.remove()
        # The search finds what there is to find.
        handle = conv.register_forward_hook(
            lambda m, i, out: out.roll(1, 1), prepend=True)
        assert not torch.equal(network(*args, **kwargs), before)
        handle.remove()


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


@pytest.mark.parametrize('keep, params, macs_g', [
    (1., 43_416_132, 9.845), (.5, 23_451_780, 4.69), (.3, 17_227_061, 3.05)
])
def test_the_papers_student_with_a_share_of_its_channels(keep, params,
                                                         macs_g):
    """Both convolutions of every block cut alike; the sums keep their
    width, class tables narrow. Paper: 25M and 13.6M, 1.6 G."""
    removed = dict(type='mmgancomp.Gated', network=SAGAN, removed=True)
    network = build(SAGAN, removed=True)
    groups = families.channel_groups(network)
    names = [families.group_of(groups, site)
             for site in families.gate_sites(network)]
    assert len(set(names)) == 10
    plan = {name: list(range(round(keep * groups[name].width)))
            for name in names}
    slim = MODELS.build(dict(
        type='mmgancomp.Slimmed', network=removed,
        plan=dict(schema=1, networks=dict(generator=plan))))
    assert sum(p.numel() for p in slim.parameters()) == params
    known = families.grouping(slim)[0]
    args, kwargs = known.example_call(slim, 1,
                                      torch.Generator().manual_seed(0))
    total, _ = macs(slim.eval(), args, kwargs)
    assert total / 1e9 == pytest.approx(macs_g, abs=.006)


def test_transitions_have_the_norm_of_the_block():
    student = build({**SAGAN, 'base_channels': 8})
    assert all(hasattr(layer, 'weight_u')
               for layer in student.transitions.values())
    plain = build({**SAGAN, 'base_channels': 8, 'with_spectral_norm': False})
    assert not any(hasattr(layer, 'weight_u')
                   for layer in plain.transitions.values())


def test_two_networks_of_one_config_begin_alike(built):
    model = built('cyclegan')
    one, other = (gates_of(n.module)
                  for n in families.of(model).networks(model).values()
                  if n.role == 'generator')
    for name, gate in one.items():
        assert torch.equal(gate.weight, other[name].weight)
    first, second, *_ = one.values()
    assert not torch.equal(first.weight.argsort(),
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

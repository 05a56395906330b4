"""Gates and what they have closed are cut out, and images stay."""

import pytest
import torch

from mmgancomp import families
from mmgancomp.channels.gate_removal import without_gates
from mmgancomp.channels.gating import add_gates, add_transitions, gates_of
from mmgancomp.channels.remove import difference, example, outputs
from tests.support import cuts, tiny

pytestmark = tiny.STOCK_WARNINGS

NAMES = [
    name for name in cuts.NETWORKS
    if any(word in name for word in ('generator', 'deep', 'resnet', 'unet'))
    and not name.startswith('lsgan')
]
"""Every generator with gates, both styles of spectral norm among them."""

assert len(NAMES) >= 13


def network(name, seed=0):
    """A settled network with gates, about half of each layer closed."""
    built = cuts.network(
        name, torch.float if 'stylegan2' in name else torch.double)
    sites = families.gate_sites(built)
    dtype = next(built.parameters()).dtype
    add_gates(built, sites)
    add_transitions(built, sites)
    built.to(dtype)
    generator = torch.Generator().manual_seed(seed)
    for gate in gates_of(built).values():
        gate.kept.copy_(torch.rand(gate.kept.shape, generator=generator) > .5)
        gate.kept[0], gate.kept[-1] = True, False
        gate.frozen.fill_(True)
    args, kwargs = cuts.call(cuts.family_of(name), built)
    with torch.no_grad():
        for _ in range(2):
            built.train()(*args, **kwargs)
    return built.eval()


def size(built):
    return sum(p.numel() for p in built.parameters())


@pytest.mark.parametrize('name', NAMES)
def test_the_images_stay(name):
    before = network(name)
    found = without_gates([before])
    after, = found.networks
    # StyleGAN2 runs in single precision alone.
    assert found.difference < (1e-4 if 'stylegan2' in name else 1e-10)
    assert found.forced == 0
    assert not gates_of(after) and len(gates_of(before)) > 2
    assert size(after) < size(before) - sum(
        g.weight.numel() for g in gates_of(before).values())
    assert len(found.plan) == len(gates_of(before))
    assert not any('weight_orig' in key and 'stylegan2' not in name
                   for key in after.state_dict())


@pytest.mark.parametrize('name', NAMES)
def test_plain_weights_load_into_what_is_left(name):
    """As a checkpoint has them: names and tensors, nothing of modules."""
    after, = without_gates([network(name)]).networks
    after.load_state_dict(dict(after.state_dict()), strict=True)


def test_networks_of_one_config_share_a_plan():
    """A channel goes where both have closed it; elsewhere it is zero."""
    pair = [network('unet_in', seed) for seed in (0, 1)]
    alone = [without_gates([one]).plan for one in pair]
    found = without_gates(pair)
    assert found.difference < 1e-10
    for name, kept in found.plan.items():
        assert kept == sorted({*alone[0][name], *alone[1][name]})
    assert size(found.networks[0]) == size(found.networks[1])
    assert alone[0] != found.plan != alone[1]


def test_what_has_not_frozen_is_closed_by_force():
    """Nearly closed gates are no zeros: the difference says how much."""
    before = network('dcgan_generator')
    for gate in gates_of(before).values():
        gate.frozen.fill_(False)
        with torch.no_grad():
            gate.weight.copy_(torch.where(gate.kept, 1., -.006))
    found = without_gates([before])
    assert found.forced == 3
    assert 1e-9 < found.difference < .1
    after, = found.networks
    family = cuts.family_of('dcgan_generator')
    args, kwargs = example(family, before)
    assert difference(
        *(outputs(family, net, args, kwargs)
          for net in (before, after))) == pytest.approx(found.difference)
    assert not any(gate.frozen for gate in gates_of(before).values())

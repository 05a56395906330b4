"""MACs of every family: torch's counter, and a count made without it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmgancomp import families
from mmgancomp.channels.gating import add_gates, add_transitions
from mmgancomp.families.macs import inference, macs
from mmgancomp.families.plain_copy import plain_copy
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS

EDGE = dict(cyclegan=32, pix2pix=32, srgan=16, esrgan=16)


def network_of(name, role='generator'):
    model = tiny.model(name)
    family = families.of(model)
    network = next(n.module for n in family.networks(model).values()
                   if n.role == role)
    small = role == 'generator' or name in ('cyclegan', 'pix2pix')
    args, kwargs = family.example_call(
        network, 1, torch.Generator().manual_seed(0),
        size=EDGE.get(name) if small else None)
    return network.eval(), args, kwargs


both = pytest.mark.parametrize('name, role', [
    (name, role) for name in tiny.FAMILIES
    for role in ('generator', 'discriminator')
])


def counted(network, args, kwargs):
    """What torch's counter says of one forward."""
    with inference(network), FlopCounterMode(display=False) as counter:
        network(*args, **kwargs)
    return counter.get_total_flops() // 2


def multiplied(network, args, kwargs):
    """Layer by layer, from shapes that hooks see: no counter of torch."""
    total = 0

    def convolution(module, given, out):
        nonlocal total
        kernel = math.prod(module.kernel_size) // module.groups
        pairs = module.in_channels * module.out_channels * kernel
        turned = isinstance(module, nn.ConvTranspose2d)
        total += pairs * (given[0] if turned else out).shape[2:].numel()

    def linear(module, given, out):
        nonlocal total
        total += module.in_features * module.out_features

    def modulated(module, given, out):
        nonlocal total
        edge = given[0].shape[-1] if module.upsample else out.shape[-1]
        total += (module.in_channels * module.out_channels *
                  module.kernel_size**2 * edge**2)

    def blurred(module, given, out):
        nonlocal total
        total += module.kernel.numel() * out.numel()

    def attention(module, given, out):
        nonlocal total
        places = given[0].shape[2:].numel()
        query, value = module.in_channels // 8, module.in_channels // 2
        total += places * (places // 4) * (query + value)

    kinds = {
        'ModulatedConv2d': modulated,
        'Blur': blurred,
        'UpsampleUpFIRDn': blurred,
        'SelfAttentionBlock': attention
    }
    handles = []
    for module in network.modules():
        hook = kinds.get(type(module).__name__)
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            hook = convolution
        elif isinstance(module, nn.Linear):
            hook = linear
        if hook is not None:
            handles.append(module.register_forward_hook(hook))
    with inference(network):
        network(*args, **kwargs)
    for handle in handles:
        handle.remove()
    return total


@both
def test_total_is_torchs_and_the_layers_add_up(name, role):
    network, args, kwargs = network_of(name, role)
    total, shares = macs(network, args, kwargs)
    # What spectral norm does to its weights is no image's: leave it out.
    whole = network if name == 'stylegan2' else plain_copy(network)
    assert total == counted(whole, args, kwargs) > 0
    assert sum(shares.values()) == total
    assert all(share >= 0 for share in shares.values())


@both
def test_total_is_that_of_the_shapes(name, role):
    network, args, kwargs = network_of(name, role)
    assert macs(network, args, kwargs)[0] == multiplied(
        network, args, kwargs)


def test_attention_products_are_counted():
    network, args, kwargs = network_of('sagan')
    assert any(type(module).__name__ == 'SelfAttentionBlock'
               for module in network.modules())
    _, shares = macs(network, args, kwargs)
    products = [
        shares[path] for path, module in network.named_modules()
        if type(module).__name__ == 'SelfAttentionBlock'
    ]
    assert products and all(share > 0 for share in products)


def test_each_layer_of_a_gated_network_has_its_own():
    """Transition layers are called from hooks of other layers."""
    network, args, kwargs = network_of('sagan')
    before, _ = macs(network, args, kwargs)
    sites = families.gate_sites(network)
    add_gates(network, sites)
    add_transitions(network, sites)
    total, shares = macs(network, args, kwargs)
    assert all(share >= 0 for share in shares.values())
    own = {
        path: share for path, share in shares.items()
        if path.startswith('transitions.')
    }
    # 16 channels at 8, 16 and 32 px.
    assert sorted(own.values()) == [16**2 * n**2 for n in (8, 16, 32)]
    assert total - sum(own.values()) == before

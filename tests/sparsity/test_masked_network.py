"""Pruned weights are zero, stay zero, and nothing else changes."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.sparsity import MaskedNetwork


def test_importing_masks_needs_neither_mmagic_nor_a_runner():
    code = ('import sys, mmgancomp.sparsity; '
            'print([m for m in sys.modules if m.split(".")[0] == "mmagic" '
            'or m.startswith("mmengine.runner")])')
    found = subprocess.run([sys.executable, '-c', code],
                           capture_output=True,
                           text=True,
                           check=True)
    assert found.stdout.strip() == '[]'


def test_names_and_keys_stay_as_they_are():
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    keys = list(network.state_dict())
    masked = MaskedNetwork(network)
    masked.prune(.5)
    assert list(network.state_dict()) == keys
    assert not network[0]._forward_hooks
    assert not network[0]._forward_pre_hooks
    assert MaskedNetwork.of(network) is masked
    assert MaskedNetwork.of(nn.Conv2d(1, 1, 1)) is None


def test_a_copy_or_a_pickle_of_a_network_has_no_masks():
    network = nn.Conv2d(2, 4, 3)
    MaskedNetwork(network).prune(.5)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert MaskedNetwork.of(twin) is None
        assert torch.equal(twin.weight, network.weight)


def test_spectral_norm_ranks_and_masks_the_raw_weight():

    def square(values):
        layer = nn.Conv2d(2, 2, 1, bias=False)
        layer.weight = nn.Parameter(
            torch.diag(torch.tensor(values)).view(2, 2, 1, 1))
        return nn.utils.spectral_norm(layer, n_power_iterations=50)

    network = nn.Sequential(square([4., .5]), square([.3, .2]))
    masked = MaskedNetwork(network)
    assert list(masked.masks) == ['0.weight_orig', '1.weight_orig']
    masked.remove(5)
    assert masked.masks['0.weight_orig'].flatten().tolist() == [
        True, False, False, True]
    assert masked.masks['1.weight_orig'].flatten().tolist() == [
        True, False, False, False]
    network(torch.rand(1, 2, 1, 1))
    # sigma of the second layer is that of the masked matrix: .3
    assert network[1].weight.flatten().tolist() == pytest.approx(
        [1, 0, 0, 0], abs=1e-5)


def test_parametrized_spectral_norm():
    layer = nn.utils.parametrizations.spectral_norm(nn.Conv2d(2, 4, 3))
    masked = MaskedNetwork(layer)
    masked.prune(.25)
    assert list(masked.masks) == ['parametrizations.weight.original']
    zero = layer.weight.detach() == 0
    assert torch.equal(zero, ~masked.masks['parametrizations.weight.original'])


@pytest.mark.parametrize('dtype', [
    torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_zero_is_exact_even_for_infinities(dtype):
    layer = nn.Conv2d(1, 4, 1, bias=False).to(dtype)
    masked = MaskedNetwork(layer)
    masked.set_masks({'weight': torch.tensor([1, 0, 0, 0]).view(4, 1, 1, 1)})
    with torch.no_grad():
        layer.weight.copy_(
            torch.tensor([2., torch.inf, torch.nan, -1.],
                         dtype=dtype).view(4, 1, 1, 1))
    layer.weight.grad = torch.full_like(layer.weight, torch.nan)
    masked.apply_()
    masked.mask_gradients_()
    assert layer.weight.flatten().tolist() == [2., 0., 0., 0.]
    assert not layer.weight.signbit().any()
    assert layer.weight.grad.flatten()[1:].tolist() == [0., 0., 0.]


def test_an_optimizer_with_momentum_needs_the_weights_masked_again():
    layer = nn.Conv2d(2, 1, 1, bias=False)
    layer.weight = nn.Parameter(torch.ones(1, 2, 1, 1))
    optimizer = torch.optim.Adam(layer.parameters(), lr=.1, betas=(.5, .9))
    layer.weight.grad = torch.ones_like(layer.weight)
    optimizer.step()
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.tensor([1., 0.]).view(1, 2, 1, 1)
    optimizer.step()
    moved = (layer.weight - before).flatten()[1].item()
    assert moved == pytest.approx(-.0484, abs=1e-4)


def test_masked_gradients_keep_fresh_moments_at_zero():
    layer = nn.Conv2d(2, 1, 1, bias=False)
    layer.weight = nn.Parameter(torch.tensor([1., 0.]).view(1, 2, 1, 1))
    optimizer = torch.optim.Adam(layer.parameters(), lr=.1, betas=(0., .9))
    layer.weight.grad = torch.tensor([1., 0.]).view(1, 2, 1, 1)
    optimizer.step()
    assert layer.weight.flatten().tolist() == pytest.approx([.9, 0.])


@given(
    st.sampled_from(['SGD', 'Adam', 'AdamW', 'RMSprop', 'Adagrad']),
    st.lists(st.floats(.05, 1), min_size=1, max_size=4), st.integers(0, 99))
def test_no_optimizer_revives_a_weight(name, densities, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(),
                            nn.ConvTranspose2d(4, 2, 3))
    masked = MaskedNetwork(network)
    options = dict(momentum=.9) if name in ('SGD', 'RMSprop') else {}
    if name != 'Adagrad':
        options['weight_decay'] = .1
    optimizer = getattr(torch.optim, name)(
        network.parameters(), lr=.05, **options)
    for density in sorted(densities, reverse=True):
        masked.prune(density)
        masked.mask_moments_(optimizer)
        for _ in range(3):
            optimizer.zero_grad()
            network(torch.randn(1, 2, 5, 5)).square().mean().backward()
            masked.mask_gradients_()
            optimizer.step()
            # Masked gradients and moments alone hold the weights at zero.
            for key, weight in masked.weights.items():
                assert not weight.detach()[~masked.masks[key]].any()
            masked.apply_()
    exact = masked.maskable - round((1 - min(densities)) * masked.maskable)
    assert abs(masked.survivors - exact) <= 1


def test_only_masked_tensors_change():
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4),
                            nn.Linear(4, 4), nn.Embedding(3, 4))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    MaskedNetwork(network).prune(.1)
    after = network.state_dict()
    assert [k for k in before if not torch.equal(before[k], after[k])] == [
        '0.weight']


def test_state_comes_back_and_digests_tell_masks_apart():
    first, second = (nn.Conv2d(4, 4, 3) for _ in range(2))
    masked = MaskedNetwork(first)
    masked.prune(.3)
    other = MaskedNetwork(second)
    assert other.digest() != masked.digest()
    other.load_state_dict(masked.state_dict())
    assert other.digest() == masked.digest()
    assert torch.equal(second.weight != 0, masked.masks['weight'])


def test_the_copy_is_masked_too():
    network = nn.Conv2d(2, 4, 3)
    twin = nn.Conv2d(2, 4, 3)
    masked = MaskedNetwork(network)
    masked.prune(.5)
    masked.apply_to_(twin)
    assert torch.equal(twin.weight != 0, masked.masks['weight'])


@pytest.mark.parametrize(('masks', 'message'), [
    ({}, 'no mask for weight'),
    ({'weight': torch.ones(1)}, r'has shape \(1,\)'),
    ({'weight': torch.ones(4, 4, 3, 3), 'x': torch.ones(1)}, 'mask for x'),
])
def test_masks_of_another_network_are_refused(masks, message):
    with pytest.raises(MMGanCompError, match=message):
        MaskedNetwork(nn.Conv2d(4, 4, 3)).set_masks(masks)


def test_masks_only_shrink():
    masked = MaskedNetwork(nn.Conv2d(4, 4, 3))
    masked.prune(.1)
    before = masked.digest()
    masked.prune(.9)
    assert masked.digest() == before


def test_memory_order_does_not_matter():
    plain = nn.Conv2d(3, 16, 3)
    other = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    masks = []
    for network in (plain, other):
        masked = MaskedNetwork(network)
        masked.prune(.1)
        masked.remove(3)
        masks.append(masked.masks['weight'])
    assert torch.equal(*masks)
    assert torch.equal(other.weight != 0, masks[1])


@pytest.mark.parametrize(('call', 'message'), [
    (lambda m: m.prune(True), 'density = True'),
    (lambda m: m.prune(1e-9), 'keeps none'),
    (lambda m: m.remove(500), '72 weights are left'),
    (lambda m: m.remove(-1), 'count = -1'),
])
def test_what_cannot_be_removed_is_refused(call, message):
    masked = MaskedNetwork(nn.Conv2d(2, 4, 3))
    with pytest.raises(MMGanCompError, match=message):
        call(masked)
    assert masked.density == 1


def test_a_layer_under_weight_norm_is_left_out():
    network = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 2, 1)),
        nn.Conv2d(2, 2, 1))
    assert list(MaskedNetwork(network).masks) == ['1.weight']

"""The packed file gives back the exact weights, or one clear error."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.packed import (
    load,
    pack_mask,
    packed_bytes,
    save_packed,
    unpack_mask,
)


@pytest.fixture()
def network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 32, 3), nn.BatchNorm2d(32))
    MaskedNetwork(network).prune(.1)
    return network


def test_exact_weights_and_masks_come_back(network, tmp_path):
    masks = MaskedNetwork.of(network).masks
    path = tmp_path / 'sub' / 'net.safetensors'
    size = save_packed(path, network.state_dict(), masks, {'note': 'x'})
    tensors, found, info = load(path)
    assert info == {'note': 'x'}
    assert size == path.stat().st_size == packed_bytes(
        network.state_dict(), masks, {'note': 'x'})
    assert size < .3 * sum(
        v.numel() * v.element_size() for v in network.state_dict().values())
    assert torch.equal(found['0.weight'], masks['0.weight'])
    for name, value in network.state_dict().items():
        assert torch.equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype
    assert [p.name for p in path.parent.iterdir()] == ['net.safetensors']


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_bits_survive(values):
    mask = torch.tensor(values)
    assert torch.equal(unpack_mask(pack_mask(mask), [len(values)]), mask)


def test_bits_of_another_shape_are_refused():
    with pytest.raises(MMGanCompError, match='cannot have shape'):
        unpack_mask(torch.zeros(2, dtype=torch.uint8), [4])


def test_a_pruned_weight_that_is_not_zero_would_be_lost(network, tmp_path):
    masks = MaskedNetwork.of(network).masks
    with torch.no_grad():
        network[0].weight.add_(1)
    with pytest.raises(MMGanCompError, match='not 0'):
        save_packed(tmp_path / 'x', network.state_dict(), masks)
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_refused(network, tmp_path):
    path = tmp_path / 'net'
    save_packed(path, network.state_dict(), MaskedNetwork.of(network).masks)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(MMGanCompError, match='damaged'):
        load(path)
    path.write_bytes(b'not safetensors at all')
    with pytest.raises(MMGanCompError, match='not a packed file'):
        load(path)
    save_file({'a': torch.ones(2)}, path)
    with pytest.raises(MMGanCompError, match='no packed file'):
        load(path)
    with pytest.raises(MMGanCompError, match='no such file'):
        load(tmp_path / 'none')

"""Groups that live or die together, on every kind of convolution."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.families.layers import MaskableWeight
from mmgancomp.sparsity import MaskedNetwork, NofM
from mmgancomp.sparsity.granularity import build_granularity

K = torch.tensor([
    [[[1, -2], [3, 0]], [[0, 1], [1, 1]]],
    [[[-1, 0], [0, 0]], [[4, -4], [2, 2]]],
    [[[1, 1], [1, 1]], [[2, 2], [2, 2]]],
    [[[.5, .5], [.5, .5]], [[1, 0], [0, 0]]],
])


def layer(transposed=False):
    module = (nn.ConvTranspose2d(4, 2, 2, bias=False)
              if transposed else nn.Conv2d(2, 4, 2, bias=False))
    module.weight = nn.Parameter(K.clone())
    return module


def pruned(module, granularity, density):
    masked = MaskedNetwork(module, granularity=granularity)
    masked.prune(density, allocation='uniform', rounding='floor')
    return masked.masks['weight']


@pytest.mark.parametrize(('density', 'gone'), [(.75, [3]), (.5, [0, 3])])
def test_filters(density, gone):
    mask = pruned(layer(), 'filter', density)
    dead = (~mask).flatten(1).all(1).nonzero().squeeze(1).tolist()
    assert dead == gone
    assert int((~mask).sum()) == 8 * len(gone)


def test_kernels():
    mask = pruned(layer(), 'kernel', .75)
    assert (~mask).flatten(2).all(2).nonzero().tolist() == [[1, 0], [3, 1]]
    assert int((~mask).sum()) == 8


def test_rows():
    mask = pruned(layer(), 'row', .75)
    dead = (~mask).view(16, 2).all(1).nonzero().squeeze(1).tolist()
    assert dead == [2, 4, 5, 15]
    assert int((~mask).sum()) == 8


def test_filters_of_a_transposed_convolution_are_its_outputs():
    mask = pruned(layer(transposed=True), 'filter', .5)
    assert not mask[:, 0].any()
    assert mask[:, 1].all()


def test_filters_of_a_grouped_transposed_convolution():
    module = nn.ConvTranspose2d(4, 4, 1, groups=2, bias=False)
    with torch.no_grad():
        module.weight.fill_(1.)
        module.weight[2:, 1] = .1
    mask = pruned(module, 'filter', .75)
    assert not mask[2:, 1].any()
    assert int((~mask).sum()) == 2


def test_filters_of_a_modulated_convolution():
    module = nn.Module()
    module.weight = nn.Parameter(torch.rand(1, 4, 3, 3, 3) + .5)
    with torch.no_grad():
        module.weight[:, 2] *= .01
    masked = MaskedNetwork(
        module, [MaskableWeight('weight', out_axis=1, in_axis=2)], 'filter')
    masked.prune(.75)
    assert not masked.masks['weight'][0, 2].any()
    assert masked.survivors == 81


@pytest.mark.parametrize('granularity', ['row', 'kernel', 'filter'])
def test_a_layer_keeps_its_last_group(granularity):
    network = nn.Sequential(nn.Conv2d(2, 2, 2), nn.Conv2d(2, 2, 2))
    with torch.no_grad():
        network[0].weight.mul_(1e-6)
    for allocation in ('global', 'uniform'):
        masked = MaskedNetwork(network, granularity=granularity)
        masked.prune(.01, allocation=allocation)
        assert all(bool(m.any()) for m in masked.masks.values())


def test_global_groups_never_exceed_the_budget():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1))
    masked = MaskedNetwork(network, granularity='filter')
    masked.prune(.5)
    gone = masked.maskable - masked.survivors
    assert masked.maskable / 2 - 27 < gone <= masked.maskable / 2


@pytest.mark.parametrize('module', [
    nn.Conv2d(8, 6, 3),
    nn.ConvTranspose2d(8, 6, 3),
    nn.ConvTranspose2d(8, 6, 2, groups=2),
])
def test_two_of_four_along_the_flattened_input(module):
    masked = MaskedNetwork(module, granularity='2:4')
    masked.prune()
    assert masked.density == .5
    mask, weight = masked.masks['weight'], module.weight
    if isinstance(module, nn.ConvTranspose2d):
        g = module.groups
        mask = mask.view(g, 8 // g, 6 // g, *mask.shape[2:])
        mask = mask.movedim(2, 1).reshape(6, -1)
    assert mask.reshape(-1, 4).sum(1).eq(2).all()
    assert int(weight.count_nonzero()) == masked.survivors


def test_patterns_that_cannot_be():
    with pytest.raises(ConfigError, match='0 < n < m'):
        build_granularity('4:4')
    with pytest.raises(ConfigError, match='known: '):
        build_granularity('kernels')
    with pytest.raises(MMGanCompError, match='multiple of 4'):
        MaskedNetwork(nn.Conv2d(3, 3, 3), granularity='2:4').prune()
    with pytest.raises(MMGanCompError, match='exactly 0.5'):
        MaskedNetwork(nn.Conv2d(4, 4, 1), granularity='2:4').prune(.4)
    assert build_granularity('1:8').density == NofM(1, 8).density == .125


@given(
    st.sampled_from(['element', 'row', 'kernel', 'filter']),
    st.sampled_from(['conv', 'transposed', 'grouped', 'modulated']),
    st.floats(.02, 1), st.sampled_from(['global', 'uniform']),
    st.integers(0, 99))
def test_masks_are_whole_groups_and_nested(granularity, kind, density,
                                           allocation, seed):
    torch.manual_seed(seed)
    layers = None
    if kind == 'conv':
        module = nn.Conv2d(4, 6, 3)
    elif kind == 'transposed':
        module = nn.ConvTranspose2d(4, 6, 3)
    elif kind == 'grouped':
        module = nn.ConvTranspose2d(4, 6, 3, groups=2)
    else:
        module = nn.Module()
        module.weight = nn.Parameter(torch.randn(1, 6, 4, 3, 3))
        layers = [MaskableWeight('weight', out_axis=1, in_axis=2)]
    masked = MaskedNetwork(module, layers, granularity)
    masked.prune((1 + density) / 2, allocation=allocation)
    first = masked.masks['weight'].clone()
    masked.prune(density, allocation=allocation)
    second = masked.masks['weight']
    assert not (second & ~first).any()
    assert second.any()
    if granularity == 'element':
        exact = round((1 - density) * second.numel())
        assert abs(int((~second).sum()) - exact) <= 1
    groups = {
        'element': second.flatten()[:, None],
        'row': second.reshape(-1, 3),
        'kernel': second.reshape(-1, 9)
    }
    if granularity == 'filter':
        if kind == 'grouped':
            whole = second.view(2, 2, 3, 9).movedim(2, 1).reshape(6, -1)
        elif kind == 'conv':
            whole = second.flatten(1)
        else:
            whole = second.movedim(1, 0).flatten(1)
    else:
        whole = groups[granularity]
    assert (whole.all(1) | ~whole.any(1)).all()

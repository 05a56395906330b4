"""Exact counts and rankings, against values worked out by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.families.layers import linear_weights
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.counts import removed_count
from mmgancomp.sparsity.selection import smallest

SURVIVORS = {
    3_742_464: [
        2993971, 2395177, 1916142, 1532914, 1226331, 981065, 784852, 627882,
        502306, 401845
    ],
    1_052_416: [
        841933, 673546, 538837, 431070, 344856, 275885, 220708, 176566,
        141253, 113002
    ],
    11_372_928: [
        9098342, 7278674, 5822939, 4658351, 3726681, 2981345, 2385076,
        1908061, 1526449, 1221159
    ],
    2_763_776: [
        2211021, 1768817, 1415054, 1132043, 905634, 724507, 579606, 463685,
        370948, 296758
    ],
}


def conv(values, shape=None):
    layer = nn.Conv2d(1, 1, 1, bias=False)
    layer.weight = nn.Parameter(
        torch.tensor(values).reshape(shape or (1, len(values), 1, 1)))
    return layer


def flat(mask):
    return mask.flatten().int().tolist()


@pytest.mark.parametrize('n', SURVIVORS)
def test_survivors_of_ten_rounds(n):
    left, counts = n, []
    for _ in range(10):
        left -= removed_count(left, 0.8)
        counts.append(left)
    assert counts == SURVIVORS[n]


@pytest.mark.parametrize(('n', 'density', 'rounding', 'removed'), [
    (5, 0.7, 'removed', 2),
    (15, 0.7, 'removed', 4),
    (5, 0.9, 'removed', 0),
    (5, 0.9, 'kept', 1),
    (10, 0.9, 'floor', 1),
    (10, 0.3, 'floor', 7),
    (3_742_464, 0.8**10, 'removed', 3_742_464 - 401_844),
])
def test_decimal_densities_round_as_written(n, density, rounding, removed):
    assert removed_count(n, density, rounding) == removed


def test_global_ranking_over_layers_in_four_rounds():
    network = nn.Sequential(
        conv([.9, .1, .8, .2, .7]), conv([.3, .6, .4, .5, .05]),
        nn.Linear(3, 3))
    with torch.no_grad():
        network[2].weight.fill_(0.001)
    masked = MaskedNetwork(network)
    expected = [({1}, {4}), ({1, 3}, {4, 0}), ({1, 3}, {4, 0, 2}),
                ({1, 3}, {4, 0, 2, 3})]
    for a, b in expected:
        masked.remove(removed_count(masked.survivors, 0.8))
        first, second = masked.masks.values()
        assert {i for i, kept in enumerate(flat(first)) if not kept} == a
        assert {i for i, kept in enumerate(flat(second)) if not kept} == b
    assert network[2].weight.eq(0.001).all()


@pytest.mark.parametrize(('source', 'mask'), [
    ('live', [1, 0, 0, 1, 1]),
    ('ema', [0, 0, 1, 1, 1]),
])
def test_ranking_source(source, mask):
    live = conv([.5, .1, .4, .2, .3])
    masked = MaskedNetwork(live)
    masked.remove(1)
    assert flat(masked.masks['weight']) == [1, 0, 1, 1, 1]
    with torch.no_grad():
        live.weight.copy_(
            torch.tensor([.9, .02, .03, .8, .7]).view_as(live.weight))
    ema = conv([.01, .02, .9, .8, .7])
    masked.remove(1, source=ema if source == 'ema' else None)
    assert flat(masked.masks['weight']) == mask


def test_ties_go_to_the_lower_flat_index():
    network = nn.Sequential(conv([1., 1., 2.]), conv([1., 1.]))
    masked = MaskedNetwork(network)
    masked.remove(3)
    assert [flat(m) for m in masked.masks.values()] == [[0, 0, 1], [0, 1]]


def test_a_kept_zero_is_not_mistaken_for_a_pruned_one():
    layer = conv([0., 1., 2., 3.])
    masked = MaskedNetwork(layer)
    masked.set_masks({'weight': torch.tensor([1, 0, 1, 1]).view(1, 4, 1, 1)})
    masked.remove(1)
    assert flat(masked.masks['weight']) == [0, 0, 1, 1]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_selection_equals_a_stable_sort(values, data):
    count = data.draw(st.integers(0, len(values)))
    cut = data.draw(st.integers(0, len(values)))
    whole = torch.tensor(values, dtype=torch.float)
    parts = [whole[:cut], whole[cut:]]
    marked = torch.cat(
        smallest([lambda p=p: p for p in parts], count,
                 [torch.ones(len(p), dtype=torch.bool) for p in parts]))
    expected = torch.zeros(len(values), dtype=torch.bool)
    expected[whole.sort(stable=True).indices[:count]] = True
    assert torch.equal(marked, expected)


@pytest.mark.parametrize('share', [0.001, 0.5, 0.9, 0.999])
@pytest.mark.parametrize('kind', ['normal', 'ties', 'sorted'])
def test_large_selection_equals_a_stable_sort(share, kind):
    n = 1_300_001
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(n, generator=generator).abs()
    if kind == 'ties':
        values = (values * 4).round()
    elif kind == 'sorted':
        values = values.sort().values
    alive = torch.rand(n, generator=generator) < 0.9
    count = int(share * int(alive.count_nonzero()))
    marked, = smallest([lambda: values], count, [alive])
    order = values.masked_fill(~alive, torch.inf).sort(stable=True).indices
    expected = torch.zeros(n, dtype=torch.bool)
    expected[order[:count]] = True
    assert torch.equal(marked, expected)


def test_nan_scores_are_refused():
    with pytest.raises(ValueError, match='NaN'):
        smallest([lambda: torch.full((3, ), torch.nan)], 1,
                 [torch.ones(3, dtype=torch.bool)])


@pytest.mark.parametrize('density', [0, -0.1, 1.5, None])
def test_impossible_densities_are_refused(density):
    with pytest.raises(MMGanCompError, match='density'):
        MaskedNetwork(conv([1., 2.])).prune(density)


def test_density_one_keeps_everything():
    layer = conv([0.5, -0.25, 0.])
    before = layer.weight.detach().clone()
    masked = MaskedNetwork(layer)
    masked.prune(1.0)
    assert masked.survivors == 3
    assert torch.equal(layer.weight, before)


def test_random_masks_are_exact_reproducible_and_differ_by_seed():
    masks = []
    for seed in (3, 3, 4):
        network = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv2d(8, 4, 3))
        masked = MaskedNetwork(network)
        masked.prune(0.3, criterion=dict(type='random', seed=seed))
        assert masked.survivors == round(0.3 * masked.maskable)
        masks.append(torch.cat([m.flatten() for m in masked.masks.values()]))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_linear_weights_are_masked_only_by_name():
    network = nn.Sequential(nn.Conv2d(2, 4, 1), nn.Linear(4, 4))
    assert list(MaskedNetwork(network).masks) == ['0.weight']
    both = MaskedNetwork(network, linear_weights(network))
    assert list(both.masks) == ['1.weight']


def test_a_network_without_convolutions_is_refused():
    with pytest.raises(MMGanCompError, match='no convolution'):
        MaskedNetwork(nn.Linear(2, 2))

"""Masks that move: what goes, what grows, how much and when."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.families.layers import MaskableWeight, convolution_weights
from mmgancomp.sparsity import ERK, DropAndGrow, MaskedNetwork, Random
from tests.support.drawing import draw_network

WEIGHT = [.9, -.1, .3, 0, 0, -.5, 0, 0]
MASK = [1, 1, 1, 0, 0, 1, 0, 0]
GRADIENT = [.1, 5, .2, .3, -.7, 0, .6, .05]


def schedule(total=100, density=.5, **options):
    made = DropAndGrow(**{'interval': 1, **options})
    made.bind('generator', 0, 0)
    made.resolve(total, density, 'schedule')
    return made


def network(weight=WEIGHT, mask=MASK, gradient=GRADIENT):
    """A masked 1×1 convolution of given numbers."""
    conv = nn.Conv2d(len(weight), 1, 1, bias=False)
    shape = conv.weight.shape
    masked = MaskedNetwork(conv)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(weight).view(shape))
    masked.set_masks({'weight': torch.tensor(mask).bool().view(shape)})
    conv.weight.grad = torch.tensor(gradient).float().view(shape)
    return conv, masked


def state(conv, masked):
    return (masked.masks['weight'].flatten().int().tolist(),
            [round(w, 6) for w in conv.weight.flatten().tolist()])


@pytest.mark.parametrize(('options', 'mask', 'weight'), [
    ({}, [1, 1, 0, 0, 1, 1, 0, 0], [.9, -.1, 0, 0, 0, -.5, 0, 0]),
    ({'exclude_just_dropped': True}, [1, 0, 0, 0, 1, 1, 1, 0],
     [.9, 0, 0, 0, 0, -.5, 0, 0]),
    ({'drop_fraction': .3}, [1, 1, 0, 0, 1, 1, 0, 0],
     [.9, -.1, 0, 0, 0, -.5, 0, 0]),
    ({'drop_fraction': .2}, [1, 1, 1, 0, 0, 1, 0, 0],
     [.9, -.1, .3, 0, 0, -.5, 0, 0]),
])
def test_one_update_by_hand(options, mask, weight):
    conv, masked = network()
    # ζ stays at drop_fraction, whatever the update.
    made = schedule(**{'drop_fraction': .5, **options},
                    min_drop_fraction=options.get('drop_fraction', .5))
    made.change(masked, 1)
    assert state(conv, masked) == (mask, weight)


def test_grown_weights_start_at_zero_wherever_the_optimizer_left_them():
    conv, masked = network()
    with torch.no_grad():
        # Dense moments move pruned weights too, until they are masked.
        conv.weight[:, 4] = 7.
        conv.weight[:, 6] = 8.
    schedule(min_drop_fraction=.5).change(masked, 1)
    assert state(conv, masked) == ([1, 1, 0, 0, 1, 1, 0, 0],
                                   [.9, -.1, 0, 0, 0, -.5, 0, 0])


def test_without_gradients_exactly_as_many_grow_at_the_lowest_index():
    gradient = [0.] * 8
    gradient[6] = .6
    conv, masked = network(gradient=gradient)
    schedule(min_drop_fraction=.5).change(masked, 1)
    # {1, 2} are dropped; 6 has the only gradient, 1 is the first free one.
    assert state(conv, masked)[0] == [1, 1, 0, 0, 0, 1, 1, 0]
    conv, masked = network(gradient=[0.] * 8)
    schedule(min_drop_fraction=.5, exclude_just_dropped=True).change(masked, 1)
    assert state(conv, masked)[0] == [1, 0, 0, 1, 1, 1, 0, 0]


def test_an_active_weight_of_zero_keeps_its_place():
    """A gradient at a kept position grows nothing, a zero weight counts."""
    conv, masked = network(weight=[.9, 0, .3, 0, 0, -.5, 0, 0],
                           gradient=[9, 0, 9, 0, 0, 9, 0, .1])
    schedule(drop_fraction=.25, min_drop_fraction=.25).change(masked, 1)
    assert state(conv, masked)[0] == [1, 0, 1, 0, 0, 1, 0, 1]


def test_the_drop_fraction_follows_a_cosine():
    made = schedule()
    assert [made.fraction_at(t) for t in (0, 25, 50, 75, 100)
            ] == pytest.approx([.5, .427509, .2525, .077491, .005], abs=1e-6)
    # The first two changes of the official run, on the clock of its D.
    assert [made.fraction_at(t, 250_240) for t in (4996, 9996)
            ] == pytest.approx([.4995133, .4980537], abs=5e-8)


def test_the_official_run_has_fifty_changes():
    made = schedule(50_048, .1, interval=1000)
    assert made.ticks()[:3] == [0, 1000, 2000]
    assert made.ticks()[-1] == 50_000
    assert len(made.ticks()) == 51
    # On our clock, k / K of the run, they differ by less than 2e-6.
    assert made.fraction_at(1000) == pytest.approx(.4995133, abs=2e-6)
    assert made.fraction_at(2000) == pytest.approx(.4980537, abs=2e-6)


def test_times_bound_the_changes_and_the_last_update_has_none():
    made = schedule(20, begin=4, end=.5, interval=3)
    assert made.ticks() == [0, 7, 10]
    assert schedule(6, interval=2).ticks() == [0, 2, 4, 6]


def test_the_first_masks_are_erk_at_random_places():
    net = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False),
                        nn.Conv2d(4, 8, 3, bias=False),
                        nn.Conv2d(8, 2, 3, bias=False))
    masked = MaskedNetwork(net)
    made = schedule(density=.25)
    made.change(masked, 0, criterion=Random(1), allocation=ERK())
    assert [int(m.count_nonzero()) for m in masked.masks.values()] == [
        16, round(.176471 * 288), round(.313725 * 144)]
    for name, weight in masked.weights.items():
        assert torch.equal(weight != 0, masked.masks[name])
    first = masked.digest()
    again = MaskedNetwork(net)
    made.change(again, 0, criterion=Random(1), allocation=ERK())
    assert again.digest() == first
    other = MaskedNetwork(net)
    made.change(other, 0, criterion=Random(2), allocation=ERK())
    assert other.digest() != first


def test_a_bernoulli_draw_keeps_about_as_many():
    net = nn.Sequential(nn.Conv2d(16, 64, 3), nn.Conv2d(64, 2, 1))
    masked = MaskedNetwork(net)
    made = schedule(density=.25, init_draw='bernoulli')
    kept = []
    for seed in range(20):
        made.change(masked, 0, criterion=Random(seed), allocation=ERK())
        counts = [int(m.count_nonzero()) for m in masked.masks.values()]
        assert counts[1] == 128
        kept.append(sum(counts))
    assert len(set(kept)) > 1
    assert sum(kept) / 20 == pytest.approx(masked.maskable / 4, rel=.02)


def test_random_growth_is_seeded_by_network_layer_and_update():

    def moved(tick, seed=0, layers=1):
        torch.manual_seed(0)
        net = nn.Sequential(*[nn.Conv2d(8, 8, 3) for _ in range(layers)])
        masked = MaskedNetwork(net)
        made = DropAndGrow(interval=1, growth='random')
        made.bind('generator', seed, 0)
        made.resolve(10, .2, 'schedule')
        made.change(masked, 0, criterion=Random(0), allocation=ERK())
        for weight in masked.weights.values():
            weight.grad = torch.zeros_like(weight)
        made.change(masked, tick)
        return masked

    assert moved(1).digest() == moved(1).digest()
    assert len({moved(t, s).digest() for t in (1, 2) for s in (0, 1)}) == 4
    one, other = moved(1, layers=2).masks.values()
    assert not torch.equal(one, other)


def test_momentum_growth_reads_the_first_moment():
    conv, masked = network(gradient=[0.] * 8)
    optimizer = torch.optim.SGD(conv.parameters(), lr=0., momentum=.9)
    optimizer.step()
    buffer = optimizer.state[conv.weight]['momentum_buffer']
    buffer.view(-1)[[3, 7]] = torch.tensor([1., -2.])
    schedule(growth='momentum', min_drop_fraction=.5).change(
        masked, 1, optimizer)
    assert state(conv, masked)[0] == [1, 0, 0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize('reset', [False, True])
def test_moments_of_grown_weights_stay_unless_told_otherwise(reset):
    conv, masked = network()
    optimizer = torch.optim.Adam(conv.parameters(), lr=1e-9)
    optimizer.step()
    second = optimizer.state[conv.weight]['exp_avg_sq']
    before = second.clone().flatten()
    schedule(reset_moments=reset, min_drop_fraction=.5).change(
        masked, 1, optimizer)
    after = second.flatten()
    # 4 is grown, 1 was dropped and came back, 6 stays pruned.
    assert before[4] > 0
    assert after[4] == (0 if reset else before[4])
    assert torch.equal(after[[1, 6]], before[[1, 6]])
    assert optimizer.state[conv.weight]['step'] == 1


def test_a_frozen_layer_keeps_its_mask_and_no_gradient_at_all_is_told():
    net = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3))
    masked = MaskedNetwork(net)
    made = schedule(density=.5)
    made.change(masked, 0, criterion=Random(0), allocation=ERK())
    before = {n: m.clone() for n, m in masked.masks.items()}
    with pytest.raises(MMGanCompError, match='no gradient at update 1'):
        made.change(masked, 1)
    net[1].weight.grad = torch.randn_like(net[1].weight)
    made.change(masked, 1)
    assert torch.equal(masked.masks['0.weight'], before['0.weight'])
    assert not torch.equal(masked.masks['1.weight'], before['1.weight'])


def test_a_layer_never_drops_all_that_it_has():
    conv, masked = network(weight=[0, .2, 0], mask=[0, 1, 0],
                           gradient=[9, 0, 0])
    schedule().change(masked, 1)
    assert state(conv, masked) == ([0, 1, 0], [0, .2, 0])
    conv, masked = network(weight=[.1, .2, 0], mask=[1, 1, 0],
                           gradient=[0, 0, 9])
    schedule(drop_fraction=1, min_drop_fraction=1).change(masked, 1)
    assert state(conv, masked) == ([0, 1, 1], [0, .2, 0])


def test_a_dense_network_is_left_alone():
    conv, masked = network(mask=[1] * 8)
    schedule(density=1.).change(masked, 1)
    assert state(conv, masked) == ([1] * 8, WEIGHT)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(interval=200), r'interval = 200: .*of 100 .*interval of 200'),
    (dict(interval=101), 'would never move'),
    (dict(interval=60, begin=50), 'from update 50 to 100'),
    (dict(interval=0), 'at least 1'),
    (dict(interval=2.5), 'at least 1'),
    (dict(interval=True), 'at least 1'),
    (dict(drop_fraction=1.5), 'drop_fraction = 1.5: write a share from 0'),
    (dict(drop_fraction=0, min_drop_fraction=0), 'nothing would be dropped'),
    (dict(drop_fraction=math.nan), 'drop_fraction = nan'),
    (dict(min_drop_fraction=.6), 'min_drop_fraction = 0.6.*from 0 to 0.5'),
    (dict(growth='gradent'), "did you mean 'gradient'"),
    (dict(init_draw='bernouli'), "did you mean 'bernoulli'"),
    (dict(reset_moments='yes'), 'reset_moments.*True or False'),
    (dict(exclude_just_dropped=1), 'exclude_just_dropped = 1'),
    (dict(end=200), 'only 100 updates'),
    (dict(begin=60, end=.5), 'before they stop, at update 50'),
])
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        schedule(**options)


def randomised(masked):
    for weight in masked.weights.values():
        weight.grad = torch.randn_like(weight)
        # As Adam leaves it: pruned weights have moved too.
        weight.data += .1 * torch.randn_like(weight)


def group_counts(masked):
    cut = masked.granularity
    found = []
    for layer in masked.layers:
        alive = cut.reduce(masked.masks[layer.name].double(), layer)
        # Each group is whole: all of it kept or none.
        assert bool(((alive == 0) | (alive - 1).abs().lt(1e-9)).all())
        found.append(int((alive > 0).count_nonzero()))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.data(),
    st.sampled_from(['element', 'row', 'kernel', 'filter']),
    st.sampled_from(['gradient', 'random', 'momentum']),
    st.booleans(),
    st.floats(.05, 1),
    st.integers(0, 2**31))
def test_counts_never_change_and_groups_stay_whole(data, granularity, growth,
                                                   exclude, density, seed):
    torch.manual_seed(seed)
    net, layers = draw_network(data)
    masked = MaskedNetwork(net, layers, granularity)
    made = DropAndGrow(interval=1, growth=growth,
                       exclude_just_dropped=exclude)
    made.bind('generator', seed, 0)
    made.resolve(6, density, 'schedule')
    try:
        made.change(masked, 0, criterion=Random(seed), allocation=ERK())
    except MMGanCompError as error:
        assume('keeps none' not in str(error))
        raise
    optimizer = torch.optim.Adam(net.parameters(), lr=.1)
    counts = group_counts(masked)
    expected = ERK().densities(
        [(w.shape[la.out_axis], w.shape[la.in_axis],
          *w.shape[w.dim() - la.kernel_dims:])
         for la, w in zip(masked.layers, masked.weights.values())], density)
    for count, layer, share in zip(counts, masked.layers, expected):
        groups = masked.granularity.reduce(masked.masks[layer.name].float(),
                                           layer).numel()
        wanted = round(share * groups)
        if granularity != 'element':
            wanted = max(1, wanted)
        assert abs(count - wanted) <= (1 if share * groups % 1 == .5 else 0)
    for tick in made.ticks()[1:]:
        randomised(masked)
        optimizer.step()
        before = {n: m.clone() for n, m in masked.masks.items()}
        kept = {n: w.detach().clone() for n, w in masked.weights.items()}
        made.change(masked, tick, optimizer)
        assert group_counts(masked) == counts
        for name, weight in masked.weights.items():
            new, old = masked.masks[name], before[name]
            assert not bool(weight[~new].any())
            # Grown at zero; all others, dropped and back too, as they were.
            assert not bool(weight[new & ~old].any())
            assert torch.equal(weight[new & old], kept[name][new & old])
            if exclude and granularity == 'element' and not bool(old.all()):
                # Nothing came back, so as many are new as were dropped.
                share, count = made.fraction_at(tick), int(old.sum())
                wanted = min(math.ceil(share * count - 1e-9), count - 1,
                             int((~old).sum()))
                wanted = max(wanted, 0)
                assert int((new & ~old).sum()) == wanted


def test_rows_and_kernels_of_other_layouts():
    """Transposed, grouped and modulated weights move by whole groups."""
    net = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=2))
    weight = nn.Module()
    weight.register_parameter('weight', nn.Parameter(torch.randn(1, 4, 6, 3,
                                                                 3)))
    net.append(weight)
    layers = [*convolution_weights(net),
              MaskableWeight('1.weight', out_axis=1, in_axis=2)]
    assert [layer.name for layer in layers] == ['0.weight', '1.weight']
    for granularity in ('row', 'kernel', 'filter'):
        masked = MaskedNetwork(net, layers, granularity)
        made = schedule(density=.5)
        made.change(masked, 0, criterion=Random(0), allocation=ERK())
        counts = group_counts(masked)
        randomised(masked)
        made.change(masked, 1)
        assert group_counts(masked) == counts
        mask = masked.masks['1.weight']
        if granularity == 'filter':
            filters = mask.transpose(0, 1).flatten(1).float().mean(1)
            assert set(filters.tolist()) == {0., 1.}
        else:
            groups = mask.flatten(-2 if granularity == 'kernel' else -1)
            assert set(groups.float().mean(-1).flatten().tolist()) == {0., 1.}

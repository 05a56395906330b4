"""The average that knows masks: its formula, its buffers, its keys."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.families.average import StockAverage
from mmgancomp.sparsity import ERK, DropAndGrow, MaskedNetwork, Random
from mmgancomp.sparsity.sema import SEMA
from tests.support import runs, tiny
from tests.support.drawing import draw_network

pytestmark = tiny.STOCK_WARNINGS


def conv(values):
    layer = nn.Conv2d(len(values), 1, 1, bias=False)
    fill(layer, values)
    return layer


def fill(layer, values):
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(values).view_as(layer.weight))


def toy(average=SEMA, masks=True, **options):
    """The average [.5, 0, .3] of the mask [1, 1, 0], and its network."""
    net = conv([.5, 0., .3])
    ema = average(net, momentum=.001, **options)
    ema.steps += 1
    if masks:
        MaskedNetwork(net).set_masks({
            'weight': torch.tensor([True, True, False]).view_as(net.weight)})
    fill(net, [.4, .2, 0.])
    return net, ema


def values(ema):
    return ema.module.weight.flatten().tolist()


@pytest.mark.parametrize(('masks', 'rule', 'expected'), [
    (True, 'sema', [.4999, .2, 0]),
    (True, 'masked', [.4999, .0002, 0]),
    (False, 'sema', [.4999, .0002, .2997]),
])
def test_one_update_by_hand(masks, rule, expected):
    net, ema = toy(masks=masks, rule=rule)
    ema.update_parameters(net)
    assert values(ema) == pytest.approx(expected, abs=1e-7)
    if masks:
        assert values(ema)[2] == 0


def test_the_stock_average_under_the_hook_follows_the_masked_rule():
    net, ema = toy(StockAverage)
    MaskedNetwork.of(net).apply_to_(ema.module)
    ema.update_parameters(net)
    assert values(ema) == pytest.approx([.4999, .0002, 0], abs=1e-7)


def test_a_weight_that_grows_at_zero_is_taken_over_once_it_moves():
    net = conv([0.])
    ema = SEMA(net)
    MaskedNetwork(net)
    found = []
    for value in (0., .1, .3):
        fill(net, [value])
        ema.update_parameters(net)
        found += values(ema)
    assert found == pytest.approx([0, .1, .1002], abs=1e-7)


def with_norm():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.utils.spectral_norm(nn.Conv2d(2, 4, 3)), nn.BatchNorm2d(4),
        nn.Conv2d(4, 2, 1))


def moved(net):
    for value in net.state_dict().values():
        value += torch.ones_like(value)


def test_running_statistics_are_averaged_and_other_buffers_are_not():
    net = with_norm()
    ema = SEMA(net, momentum=.25)
    ema.update_parameters(net)
    before = {n: v.clone() for n, v in ema.module.state_dict().items()}
    moved(net)
    ema.update_parameters(net)
    after = ema.module.state_dict()
    for name in ('1.running_mean', '1.running_var', '1.weight', '2.weight',
                 '0.weight_orig'):
        torch.testing.assert_close(after[name], before[name] + .25)
    # The direction of spectral norm belongs to a weight; a mean is none.
    assert torch.equal(after['0.weight_u'], net.state_dict()['0.weight_u'])
    assert after['1.num_batches_tracked'] == before['1.num_batches_tracked']


def test_buffers_may_be_copied_as_in_stock_configs():
    net = with_norm()
    ema = SEMA(net, momentum=.25, update_buffers=False)
    ema.update_parameters(net)
    moved(net)
    ema.update_parameters(net)
    for name, value in net.named_buffers():
        assert torch.equal(ema.module.state_dict()[name], value)


def test_buffers_are_averaged_after_a_move_to_another_device():
    """Such a move gives parameters and buffers new storage."""
    net = with_norm()
    ema = SEMA(net, momentum=.25)
    ema.double().float()
    ema.update_parameters(net)
    before = ema.module.state_dict()['1.running_mean'].clone()
    moved(net)
    ema.update_parameters(net)
    torch.testing.assert_close(ema.module.state_dict()['1.running_mean'],
                               before + .25)
    torch.testing.assert_close(ema.module[2].weight, net[2].weight - .75)


@pytest.mark.parametrize('buffers', [False, True])
@pytest.mark.parametrize('interval', [1, 3])
def test_without_masks_it_is_the_stock_average_bit_by_bit(interval, buffers):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4),
                        nn.Conv2d(4, 2, 1))
    options = dict(momentum=.01, interval=interval, update_buffers=buffers)
    ours, stock = SEMA(net, **options), StockAverage(net, **options)
    assert list(ours.state_dict()) == list(stock.state_dict())
    for _ in range(10):
        for value in net.state_dict().values():
            value += torch.rand(value.shape).to(value.dtype)
        ours.update_parameters(net)
        stock.update_parameters(net)
        assert runs.differences(dict(ours.state_dict()),
                                dict(stock.state_dict())) == []
    stock.load_state_dict(ours.state_dict(), strict=True)


@settings(max_examples=25, deadline=None)
@given(st.data(), st.floats(.05, .95), st.integers(0, 2**31),
       st.sampled_from(['Adam', 'AdamW', 'SGD', 'RMSprop', 'Adamax', 'NAdam']),
       st.sampled_from(['element', 'row', 'kernel', 'filter']))
def test_no_optimizer_revives_a_weight_and_the_average_is_as_sparse(
        data, density, seed, optimizer, granularity):
    torch.manual_seed(seed)
    net, layers = draw_network(data)
    masked = MaskedNetwork(net, layers, granularity)
    options = dict(momentum=.9, weight_decay=.1) if optimizer == 'SGD' else {}
    step = getattr(torch.optim, optimizer)(net.parameters(), lr=.1, **options)
    made = DropAndGrow(interval=2)
    made.bind('generator', seed, 0)
    made.resolve(8, density, 'schedule')
    try:
        made.change(masked, 0, criterion=Random(seed), allocation=ERK())
    except MMGanCompError as error:
        assume('keeps none' not in str(error))
        raise
    ema = SEMA(net, momentum=.1)
    kept = masked.survivors
    for update in range(1, 9):
        for parameter in net.parameters():
            parameter.grad = torch.randn_like(parameter)
        step.step()
        if update in made.ticks():
            made.change(masked, update, step)
        masked.apply_()
        ema.update_parameters(net)
        assert masked.survivors == kept
        for name, weight in masked.weights.items():
            mask = masked.masks[name]
            mean = ema.module.get_parameter(name)
            assert not bool(weight[~mask].any())
            assert not bool(mean[~mask].any())
            # Nothing that is alive is cold.
            assert bool(mean[mask & (weight != 0)].all())


@pytest.mark.parametrize(('options', 'message'), [
    (dict(momentum=1.), r'model.ema_config.momentum = 1.0: .*0.001 for'),
    (dict(momentum=0), 'momentum = 0'),
    (dict(interval=0), 'interval = 0'),
    (dict(rule='semma'), "did you mean 'sema'"),
    (dict(rule='plain'), 'would not stay sparse'),
])
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        SEMA(conv([1.]), **options)

"""Gates against numbers worked out by hand (PPCD-GAN, Eq. 1 to 5)."""

import copy
import math

import pytest
import torch
from torch import nn

from mmgancomp.channels.gates import Gate, fingerprint, pruning_loss

W = [0.01, -0.005, -0.0053, -1.]


def gate(values, **options):
    made = Gate(len(values), **options).double()
    with torch.no_grad():
        made.weight.copy_(torch.tensor(values, dtype=torch.double))
    return made


def close(found, expected, tolerance=1e-6):
    torch.testing.assert_close(
        torch.as_tensor(found, dtype=torch.double),
        torch.tensor(expected, dtype=torch.double), rtol=0, atol=tolerance)


def test_values_loss_and_its_constant_force():
    one = gate(W)
    close(one.values(), [0.9999546, 0.0066929, 0.0049668, 0.], 5e-8)
    loss = one.loss()
    close(loss, 2.9997)
    loss.backward()
    close(one.weight.grad, [1., 1., 1., 0.])


def test_it_freezes_beyond_alpha_and_not_at_alpha():
    one = gate(W)
    assert one.closed().tolist() == [False, False, True, True]
    assert not one.binarise(alpha=0.5)
    close(one.values(), [0.9999546, 0.0066929, 0.0049668, 0.], 5e-8)
    assert not one.frozen
    assert one.binarise(alpha=0.4)
    assert one.frozen
    assert one.values().tolist() == [1., 1., 0., 0.]
    assert not one.binarise(alpha=0.4)


@pytest.mark.parametrize('kind, options', [
    (torch.optim.SGD, dict(lr=.1, momentum=.9)),
    (torch.optim.Adam, dict(lr=.1))
])
def test_a_frozen_gate_stays_whatever_its_optimizer_does(kind, options):
    one = gate(W)
    optimizer = kind([one.weight], **options)

    def step():
        optimizer.zero_grad()
        (one(torch.ones(2, 4, 1, 1).double()).sum() + one.loss()).backward()
        optimizer.step()

    step()
    assert one.binarise(alpha=0.2)
    values, weight = one.values().clone(), one.weight.detach().clone()
    for _ in range(3):
        step()
        assert not one.binarise(alpha=0.2)
    assert torch.equal(one.values(), values)
    assert torch.equal(one.weight.detach(), weight)
    assert set(values.tolist()) == {0., 1.}


def test_the_pivot_itself_is_closed():
    # σ(0) = 0.5 exactly, in any precision.
    one = gate([0., 0.001])
    assert one.closed(pivot=0.5).tolist() == [True, False]


def test_the_pivot_in_terms_of_w():
    edge = math.log(0.005 / 0.995) / 1000
    assert edge == pytest.approx(-0.0052933, abs=1e-7)
    assert gate([edge - 1e-7, edge + 1e-7]).closed().tolist() == [True, False]


def test_frozen_gates_leave_the_sum_and_not_the_divisor():
    pair = [gate(W), gate([0., 1.])]
    loss = pruning_loss(pair)
    close(loss, 2.99985)
    close(0.01 * loss, 0.0299985)
    pair[1].binarise(force=True)
    loss = pruning_loss(pair)
    close(loss, 2.9997 / 2)
    loss.backward()
    close(pair[0].weight.grad, [.5, .5, .5, 0.])
    close(pair[1].weight.grad, [0., 0.])


def test_each_vector_freezes_by_itself():
    shut, open_ = gate([-1., -1., -1., 1.]), gate([1., 1., 1., 1.])
    assert [g.binarise() for g in (shut, open_)] == [True, False]


def test_the_gradient_reaches_the_gate_through_the_features():
    one = gate([0., 0.001, -0.002])
    features = torch.tensor([2., 3., 4.]).double().view(1, 3, 1, 1)
    out = one(features)
    close(out.flatten(), [1., 2.1931757, 0.4768117], 5e-8)
    out.sum().backward()
    close(one.weight.grad, [500., 589.8357997, 419.9743416], 5e-7)


@pytest.mark.parametrize('w, slope', [(0., 250.), (0.01, 0.0453958)])
def test_a_gate_is_almost_a_step(w, slope):
    """Far from zero the features do not move it: only the loss does."""
    one = gate([w])
    one.values().sum().backward()
    close(one.weight.grad, [slope], 1e-6)


def test_channels_begin_apart_and_alike_for_one_seed():
    one, same, other = Gate(64), Gate(64), Gate(64, seed=1)
    assert len(set(one.weight.tolist())) == 64
    assert (one.weight.min().item(), one.weight.max().item()) == (
        pytest.approx(0.01), 1.)
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)
    assert bool((one.values() > 0.9999).all())
    state = torch.get_rng_state()
    Gate(8)
    assert torch.equal(state, torch.get_rng_state())


def _until_frozen(one, lr=0.002):
    ratios = []
    for _ in range(3000):
        loss = one.loss()
        loss.backward()
        with torch.no_grad():
            one.weight -= lr * one.weight.grad
        one.weight.grad = None
        ratios.append(one.closed().double().mean().item())
        if one.binarise(alpha=0.5):
            return ratios
    raise AssertionError('never froze')


def test_equal_starts_close_all_at_once_and_spread_ones_one_by_one():
    spread, equal = Gate(20), Gate(20, initial=(0.5, 0.5))
    ratios = _until_frozen(spread)
    assert ratios[-1] == pytest.approx(0.55)
    assert max(b - a for a, b in zip(ratios, ratios[1:])) < 0.06
    assert _until_frozen(equal)[-2:] == [0., 1.]
    # One channel is left even then: the layer lives.
    assert equal.kept.sum() == 1


def test_adam_takes_its_rate_whatever_the_force_is():
    """Which is why the default is plain SGD."""
    moved = {}
    for kind in (torch.optim.SGD, torch.optim.Adam):
        one = gate([1., .5])
        optimizer = kind([one.weight], lr=.1)
        (0.01 * one.loss() / 10).backward()
        optimizer.step()
        moved[kind] = 1. - one.weight[0].item()
    assert moved[torch.optim.SGD] == pytest.approx(1e-4)
    assert moved[torch.optim.Adam] == pytest.approx(.1, rel=1e-4)


def test_the_cap_closes_no_more_than_needed():
    values = [-.9, -.8, -.7, -.6, -.5, 1.]
    free, capped = gate(values), gate(values)
    assert free.binarise(alpha=0.5) and capped.binarise(alpha=0.5, cap=True)
    assert free.kept.sum() == 1
    assert capped.kept.tolist() == [False] * 4 + [True] * 2


def test_one_channel_stays_where_all_would_go():
    one = gate([-.3, -.1, -.2])
    assert one.binarise(alpha=0.5)
    assert one.kept.tolist() == [False, True, False]


def test_flag_and_mask_are_buffers_that_load():
    one, other = gate(W), gate(W)
    assert one.binarise(alpha=0.4)
    state = one.state_dict()
    assert set(state) == {'weight', 'frozen', 'kept'}
    assert fingerprint([one]) != fingerprint([other])
    other.load_state_dict(state)
    assert torch.equal(other.values(), one.values())
    assert fingerprint([one]) == fingerprint([other])


def test_a_copy_follows_instead_of_averaging():
    one = gate(W)
    average = copy.deepcopy(one)
    one.binarise(alpha=0.4)
    average.follow(one)
    assert average.values().tolist() == [1., 1., 0., 0.]


def test_a_trained_gate_closes_a_channel_that_nobody_needs():
    """With the loss switched off nothing closes."""

    def train(weight):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 1), Gate(4), nn.Conv2d(4, 1, 1))
        optimizer = torch.optim.SGD(net.parameters(), lr=.05)
        for _ in range(200):
            optimizer.zero_grad()
            loss = weight * pruning_loss([net[1]])
            (net(torch.randn(4, 1, 2, 2)).square().mean() + loss).backward()
            optimizer.step()
        return net[1].closed().sum().item()

    assert train(1.) == 4 and train(0.) == 0

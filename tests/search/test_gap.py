"""The duality gap against numbers worked out by hand, and by differences."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mmgancomp.families.losses import hinge, logistic
from mmgancomp.search.discriminator import SearchableDiscriminator
from mmgancomp.search.edges import MixedEdge, architecture, kept_buffers
from mmgancomp.search.gap import Architect, Players, duality_gap
from mmgancomp.search.networks import SearchableGenerator
from mmgancomp.search.worst import WorstCase


def adam(tensors):
    """The optimizer of the architecture in the paper's code."""
    return torch.optim.Adam(
        tensors, lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))

    def forward(self, x):
        return self.factor * x


def toy():
    """G(z) = softmax(α)·[z, 3z], D(x) = x/2, D_worst(x) = 2x, G_worst 0.6."""
    edge = MixedEdge({'one': Times(1.), 'three': Times(3.)}).double()
    edge.alpha.zero_()
    return Players(edge, Times(.5).double(), Times(6.).double(),
                   Times(2.).double(), hinge)


REAL, Z = torch.ones(1, 1).double(), torch.full((1, 1), .1).double()


def test_gap_is_that_of_the_specification():
    players = toy()
    found = duality_gap(players, REAL, Z, Z)
    assert found.first.item() == pytest.approx(-1.4)
    assert found.second.item() == pytest.approx(-1.8)
    assert found.gap.item() == pytest.approx(.4)
    alpha = players.generator.alpha.requires_grad_(True)
    gap = duality_gap(players, REAL, Z, Z).gap
    by_alpha, by_judge = torch.autograd.grad(
        gap, [alpha, players.discriminator.factor])
    assert by_alpha.tolist() == pytest.approx([.1, -.1])
    assert by_judge.item() == pytest.approx(-.4)


def test_one_step_of_the_architecture():
    players = toy()
    before = [p.clone() for n in players.all() for p in n.parameters()]
    architect = Architect(players, ['generator'], adam)
    found = architect.step([(1., REAL)], lambda n: Z)
    assert found.gap.item() == pytest.approx(.4)
    assert players.generator.alpha.tolist() == pytest.approx(
        [-3e-4, 3e-4], abs=1e-8)
    after = [p for n in players.all() for p in n.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after))
    assert all(p.grad is None and p.requires_grad for p in after)


def networks(seed=0):
    torch.manual_seed(seed)
    generator = SearchableGenerator(
        noise_size=6, base_channels=4, bottom_width=2, num_cells=2,
        normal=['conv_1x1', 'sep_conv_3x3'])
    judge = SearchableDiscriminator(8, base_channels=4)
    for alpha in architecture(judge):
        alpha.normal_()
    judge.double()
    # The power iteration has no gradient: only where it has converged is
    # that of spectral norm exact.
    with torch.no_grad():
        for _ in range(100):
            judge(images(1))
    return generator.double(), judge


def players_of(generator, judge, seed=1):
    """With copies that differ."""
    copies = [copy.deepcopy(n) for n in (generator, judge)]
    torch.manual_seed(seed)
    for network in copies:
        for p in network.parameters():
            p.data.add_(.1 * torch.randn_like(p))
    # Smooth, and nowhere flat.
    return Players(generator, judge, *copies, logistic)


def images(count=5, seed=3):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, 8, 8, generator=draw).double() * 2 - 1


class Draw:
    """Noise in a fixed order, the same in every evaluation."""

    def __init__(self, seed=4):
        self.draw = torch.Generator().manual_seed(seed)

    def __call__(self, count):
        return torch.randn(count, 6, generator=self.draw).double()


class Record:
    """In place of an optimizer: keeps the gradients, moves nothing."""

    def __init__(self, tensors):
        self.tensors, self.seen = tensors, []

    def step(self):
        self.seen = [t.grad.clone() for t in self.tensors]


@pytest.mark.parametrize('searched', [['generator'],
                                      ['generator', 'discriminator']])
@pytest.mark.parametrize('unrolled', [None, .05])
def test_gradient_equals_a_finite_difference(searched, unrolled):
    players = players_of(*networks())
    architect = Architect(players, searched, Record, unrolled=unrolled)
    batches = [(1., images())]
    training = images(seed=9) if unrolled else None

    def gap():
        return architect.step(batches, Draw(), training).gap.item()

    gap()
    gradients = architect.optimizer.seen
    assert len(gradients) == len(architect.weights)
    torch.manual_seed(5)
    direction = [torch.randn_like(w) for w in architect.weights]
    slope = sum((g * d).sum().item() for g, d in zip(gradients, direction))

    def shifted(by):
        for weight, d in zip(architect.weights, direction):
            weight.add_(by * d)
        found = gap()
        for weight, d in zip(architect.weights, direction):
            weight.sub_(by * d)
        return found

    step = 1e-6
    difference = (shifted(step) - shifted(-step)) / (2 * step)
    assert abs(slope) > 1e-5
    assert slope == pytest.approx(difference, rel=2e-4)


def test_unrolling_changes_the_gradient():
    players = players_of(*networks())
    seen = []
    for rate in (None, .5):
        architect = Architect(players, ['generator'], Record, unrolled=rate)
        architect.step([(1., images())], Draw(), images(seed=9))
        seen.append(torch.cat(architect.optimizer.seen))
    assert not torch.allclose(*seen)


def test_gap_of_perfect_answers_is_zero():
    generator, judge = networks()
    worst = [WorstCase(n, hinge, adam).copy for n in (generator, judge)]
    players = Players(generator, judge, *worst, hinge)
    noise = Draw()(5)
    with kept_buffers(*players.all()), torch.no_grad():
        found = duality_gap(players, images(), noise, noise)
    assert found.gap.item() == 0
    # Any other answer opens it.
    worst[1].decision.weight_orig.data.mul_(-1)
    with kept_buffers(*players.all()), torch.no_grad():
        assert duality_gap(players, images(), noise, noise).gap.item() != 0


def state(network):
    return {k: v.clone() for k, v in network.state_dict().items()}


def changed(before, network):
    return {k for k, v in network.state_dict().items()
            if not torch.equal(before[k], v)}


def test_steps_touch_what_is_theirs():
    generator, judge = networks()
    own = {'generator': state(generator), 'discriminator': state(judge)}
    optimizer = {'generator': adam, 'discriminator': adam}
    worst_g = WorstCase(generator, hinge, optimizer['generator'])
    worst_d = WorstCase(judge, hinge, optimizer['discriminator'])
    for worst in (worst_g, worst_d):
        worst.renew()
    worst_d.as_discriminator(generator, images(), Draw()(5))
    worst_g.as_generator(judge, Draw()(5))
    players = Players(generator, judge, worst_g.copy, worst_d.copy, hinge)
    for name, network in (('generator', generator),
                          ('discriminator', judge)):
        assert not changed(own[name], network)
        moved = changed(own[name], getattr(players, f'{name}_worst'))
        assert moved and not any(k.endswith('alpha') for k in moved)
    copies = [state(worst_g.copy), state(worst_d.copy)]
    architect = Architect(players, ['generator', 'discriminator'], adam)
    architect.step([(1., images())], Draw())
    for name, network in (('generator', generator),
                          ('discriminator', judge)):
        moved = changed(own[name], network)
        assert moved == {k for k in own[name] if k.endswith('alpha')}
    assert not changed(copies[0], worst_g.copy)
    assert not changed(copies[1], worst_d.copy)


def test_copies_answer_better_with_each_step():
    generator, judge = networks()
    for name, make in (('as_generator', generator),
                       ('as_discriminator', judge)):
        worst = WorstCase(make, logistic,
                          lambda t: torch.optim.SGD(t, lr=1e-3))
        worst.renew()
        noise, real = Draw()(5), images()
        losses = [
            worst.as_generator(judge, noise) if name == 'as_generator' else
            worst.as_discriminator(generator, real, noise)
            for _ in range(5)
        ]
        assert losses[-1] < losses[0]


def test_copies_may_train_their_architecture_instead():
    generator, judge = networks()
    worst = WorstCase(generator, hinge, None, adam)
    worst.renew()
    before = state(worst.copy)
    worst.as_generator(judge, Draw()(5))
    moved = changed(before, worst.copy)
    assert {k for k in moved if k.endswith('alpha')}
    assert not moved & {k for k, _ in worst.copy.named_parameters()}


@pytest.mark.parametrize('objective', ['first_term', 'adversarial'])
def test_other_objectives_have_gradients_of_their_own(objective):
    players = players_of(*networks())
    gradients = {}
    for name in ('gap', objective):
        searched = (['generator', 'discriminator']
                    if objective == 'adversarial' else ['generator'])
        architect = Architect(players, searched, Record, name)
        architect.step([(1., images())], Draw())
        gradients[name] = torch.cat(architect.optimizer.seen)
    if objective == 'first_term':
        # The second term does not depend on the generator.
        assert torch.equal(gradients['gap'], gradients[objective])
    else:
        assert not torch.allclose(gradients['gap'], gradients[objective])

"""The papers' formulas on scalars, against values worked out by hand."""

import pytest
import torch
from torch import nn

from mmgancomp.distillation import (
    DiscriminatorKDLoss,
    DiscriminatorOutputLoss,
    FeatureL1Loss,
    NormalisedConsistencyLoss,
    OutputL1Loss,
    TeacherAdversarialLoss,
    TeacherGeneratedLoss,
    TeacherLabelSmoothingLoss,
)
from mmgancomp.distillation.judge import StudentDiscriminator
from mmgancomp.distillation.terms.consistency import normalised_distance
from mmgancomp.families import Objective, losses
from tests.support.toy_teaching import Column, Scalar, Turn

LOGITS = [[.5, -2.], [-1., 1.]]
"""Per image the student's logit and the teacher's."""


def tensor(*values):
    return torch.tensor(values, dtype=torch.double)


def scored(term, loss=losses.logistic, student=None):
    """A batch of images that are their own logits; stock loss and term."""
    turn = Turn(nn.Identity(), student or Column(0),
                {'discriminator': Column(1)}, loss)
    images = torch.tensor(
        LOGITS, dtype=torch.double, requires_grad=True)
    stock, step = turn.generate(images)
    return images, stock, turn.bind(term, 'generator')(step), step, turn


def test_teacher_adversarial_loss_of_stylegan2():
    images, stock, value, step, _ = scored(TeacherAdversarialLoss())
    assert stock.item() == pytest.approx(.8936693358, abs=1e-9)
    assert value.item() == pytest.approx(1.2200948493, abs=1e-9)
    total = stock + .1 * value
    assert total.item() == pytest.approx(1.0156788208, abs=1e-9)
    total.backward()
    assert images.grad[:, 0].tolist() == pytest.approx(
        [-.1887703, -.3655293], abs=1e-7)
    assert images.grad[:, 1].tolist() == pytest.approx(
        [-.0440399, -.0134471], abs=1e-7)
    assert step.notes['teacher_score'].item() == -.5
    assert step.notes['student_score'].item() == -.25


def test_teacher_adversarial_loss_with_hinge():
    images, stock, value, _, _ = scored(TeacherAdversarialLoss(),
                                        losses.hinge)
    total = stock + .1 * value
    total.backward()
    assert total.item() == pytest.approx(.3)
    assert images.grad[:, 0].tolist() == [-.5, -.5]
    assert images.grad[:, 1].tolist() == pytest.approx([-.05, -.05])


def test_the_papers_weight_is_the_default():
    assert TeacherAdversarialLoss().loss_weight == .1
    assert TeacherGeneratedLoss().loss_weight == .1
    assert FeatureL1Loss(['a']).loss_weight == .2
    assert NormalisedConsistencyLoss().discriminator_weight == .5


def test_adaptive_weight_is_of_each_image_and_has_no_gradient():
    images, _, value, _, _ = scored(TeacherAdversarialLoss(adaptive=True))
    value.backward()
    assert value.item() == pytest.approx(2.1269280, abs=1e-7)
    assert images.grad[:, 1].tolist() == pytest.approx([-.8807971, 0],
                                                       abs=1e-7)


def test_a_single_fixed_discriminator_stands_in_the_students_place():
    turn = Turn(nn.Identity(), Column(0), {'discriminator': Column(1)})
    judge = StudentDiscriminator('teacher', turn.networks, turn.teacher)
    judge.attach()
    images = torch.tensor(LOGITS, dtype=torch.double, requires_grad=True)
    loss, _ = turn.generate(images)
    loss.backward()
    assert loss.item() == pytest.approx(1.2200948493, abs=1e-9)
    assert images.grad[:, 0].tolist() == [0, 0]
    assert not judge.trains


def linear(**teacher):
    return Turn(Scalar(1.), Scalar(.5), teacher)


def test_a_linear_gan_gets_the_gradient_and_the_teacher_none():
    critic = Scalar(-1.)
    turn = linear(discriminator=critic)
    stock, step = turn.generate(tensor([2.]))
    loss = stock + .1 * turn.bind(TeacherAdversarialLoss(),
                                  'generator')(step)
    loss.backward()
    generator, own = turn.model.generator, turn.model.discriminator
    assert loss.item() == pytest.approx(.5259544886, abs=1e-9)
    assert generator.weight.grad.item() == pytest.approx(
        -.0927820058, abs=1e-9)
    assert critic.weight.grad is None and critic.weight.item() == -1
    assert own.weight.grad is None


def test_the_discriminators_loss_knows_no_teacher():
    turn = linear(discriminator=Scalar(-1.))
    turn.bind(TeacherAdversarialLoss(), 'generator')
    loss, _ = turn.judge(tensor([2.]), tensor([3.]))
    loss.backward()
    assert loss.item() == pytest.approx(1.5146749655, abs=1e-9)
    assert turn.model.discriminator.weight.grad.item() == pytest.approx(
        .9148405858, abs=1e-9)


def test_generator_guided_learning_shows_the_teachers_image_as_fake():
    # Same latent: the teacher makes 0.75 · 2 = 1.5 of it.
    turn = linear(generator=Scalar(.75))
    loss, step = turn.judge(tensor([2.]), tensor([3.]))
    term = turn.bind(TeacherGeneratedLoss(), 'discriminator')
    loss = loss + .1 * term(step)
    assert loss.item() == pytest.approx(1.6283620661, abs=1e-9)
    loss.backward()
    # The stock gradient, and 0.1 · σ(0.75) · 1.5 of the teacher's image.
    expected = .9148405858 + .15 * torch.tensor(.75).sigmoid().item()
    assert turn.model.discriminator.weight.grad.item() == pytest.approx(
        expected, abs=1e-7)


def test_the_teachers_image_stands_for_the_real_one():
    turn = linear(generator=Scalar(.75))
    _, step = turn.judge(tensor([2.]), tensor([3.]))
    term = TeacherGeneratedLoss(as_real=True)
    assert (term.loss_weight, term.replace_stock) == (1., True)
    value = turn.bind(term, 'discriminator')(step)
    # D(x) = x / 2: 1 for the student's image, 0.75 for the teacher's.
    expected = torch.nn.functional.softplus(tensor(1., -.75)).sum()
    assert value.item() == pytest.approx(expected.item(), abs=1e-9)
    value.backward()
    # σ(1) · 2 − σ(−0.75) · 1.5, and the generator has none of it.
    one, other = tensor(1., -.75).sigmoid().tolist()
    assert turn.model.discriminator.weight.grad.item() == pytest.approx(
        2 * one - 1.5 * other, abs=1e-7)
    assert turn.model.generator.weight.grad is None


def test_output_l1_is_of_the_same_latents():
    turn = linear(generator=Scalar(.75))
    _, step = turn.generate(tensor([2.], [-1.]))
    value = turn.bind(OutputL1Loss(), 'generator')(step)
    assert value.item() == pytest.approx((.5 + .25) / 2)
    value.backward()
    assert turn.model.generator.weight.grad.item() == pytest.approx(1.5)


class Maps(nn.Module):
    """Gives out fixed feature maps, then their mean as an image."""

    def __init__(self, maps):
        super().__init__()
        self.gain = nn.Parameter(torch.ones((), dtype=torch.double))
        self.maps = maps
        self.block = nn.Identity()

    def forward(self, z):
        return self.block(self.gain * self.maps.expand(
            len(z), -1, -1, -1)).mean((1, 2, 3))[:, None]


def test_features_go_through_a_connector():
    student = Maps(tensor([[0., 1.], [2., 3.]])[None, 0])
    teacher = Maps(
        tensor([[[1., 1.], [1., 1.]], [[0., 2.], [4., 6.]]]))
    turn = Turn(student, Scalar(1.), {'generator': teacher})
    term = turn.bind(FeatureL1Loss(['block']), 'generator')
    connector, = term.connectors.values()
    assert connector.weight.shape == (2, 1, 1, 1) and connector.bias is None
    with torch.no_grad():
        connector.weight.copy_(tensor([1.], [2.])[:, :, None, None])
    _, step = turn.generate(tensor([0.]))
    value = term(step)
    assert value.item() == pytest.approx(.5)
    assert term.loss_weight * value.item() == pytest.approx(.1)
    value.backward()
    assert bool((connector.weight.grad != 0).any())
    assert teacher.gain.grad is None


def test_scores_are_compared_each_with_its_own():
    """A known mistake scores the fakes with the logits of the reals."""
    turn = Turn(nn.Identity(), Column(0), {'discriminator': Column(1)})
    real, fake = tensor([.3, 1.2]), tensor([-.4, -2.])
    _, step = turn.judge(fake, real)
    value = turn.bind(DiscriminatorOutputLoss(), 'discriminator')(step)
    assert value.item() == pytest.approx(.6237978094 + .5606964212, abs=1e-7)


def test_kd_is_the_mean_over_all_elements():
    turn = Turn(nn.Identity(), Column(0), {'discriminator': Column(1)},
                losses.hinge)
    real = tensor([0., 1.], [2., 1.])
    fake = tensor([-1., -1.], [0., -2.])
    real.requires_grad_()
    _, step = turn.judge(fake, real)
    value = turn.bind(DiscriminatorKDLoss(), 'discriminator')(step)
    assert value.item() == pytest.approx(.0651706, abs=1e-6)
    # The teacher's column has no gradient.
    (gradient, ) = torch.autograd.grad(value, real)
    assert bool((gradient[:, 0] != 0).all())
    assert gradient[:, 1].tolist() == [0, 0]


def smoothing(**options):
    """Label smoothing in D's turn: stock loss, value, scores, step."""
    turn = Turn(nn.Identity(), Column(0), {'discriminator': Column(1)})
    real, fake = tensor([1., 2.], [0., -1.]), tensor([.5, -2.], [-1., 1.])
    for images in (real, fake):
        images.requires_grad_()
    # With gradient to the images, which stand for D's scores of them.
    fakes, reals = (turn.model.discriminator(images)
                    for images in (fake, real))
    stock = losses.logistic(fakes, False, False) + losses.logistic(
        reals, False, True)
    step = turn.step('discriminator')
    term = turn.bind(TeacherLabelSmoothingLoss(**options), 'discriminator')
    return stock, term(step), real, fake, step


def test_labels_are_the_teachers_probabilities():
    stock, value, real, fake, step = smoothing()
    # Fakes: (σ(2) · sp(.5) + σ(-1) · sp(-1)) / 2; reals:
    # (σ(2) · sp(-1) + σ(-1) · sp(0)) / 2.
    formula = .4711066025 + .2311679835
    assert step.notes['loss'].item() == pytest.approx(formula, abs=1e-6)
    total = stock + value
    assert total.item() == pytest.approx(formula, abs=1e-6)
    total.backward()
    # (1 - σ(D̄)) · σ(D) / 2 of a fake, -σ(D̄) · σ(-D) / 2 of a real image.
    assert fake.grad[:, 0].tolist() == pytest.approx(
        [.2741302, .0361643], abs=1e-6)
    assert real.grad[:, 0].tolist() == pytest.approx(
        [-.1184416, -.0672354], abs=1e-6)
    assert not fake.grad[:, 1].any() and not real.grad[:, 1].any()


def test_label_smoothing_in_place_of_the_stock_loss():
    _, value, *_, step = smoothing(replace_stock=True)
    assert value.item() == step.notes['loss'].item()


def objectives(weights, values):
    return {
        str(i): Objective(w, v)
        for i, (w, v) in enumerate(zip(weights, values))
    }


def test_normalised_consistency():
    reference = tensor(2., .5, .2).requires_grad_()
    student = tensor(1.5, .6, .25).requires_grad_()
    weights = 1, 1, 10
    first = normalised_distance(
        objectives(weights, reference), objectives(weights, student), .1)
    assert first.item() == pytest.approx(2.95, abs=1e-6)
    second = normalised_distance(
        objectives((1, 10), tensor(-1., .1)),
        objectives((1, 10), tensor(-.8, .12)), .1)
    assert second.item() == pytest.approx(2.2, abs=1e-6)
    assert (first + .5 * second).item() == pytest.approx(4.05, abs=1e-6)
    first.backward()
    # Towards the teacher's value, from either side.
    assert student.grad[0].item() == pytest.approx(-.5)
    assert student.grad[1].item() == pytest.approx(2.)
    assert reference.grad is None


def test_a_denominator_has_a_floor():
    value = normalised_distance(
        objectives([1], tensor(.001)), objectives([1], tensor(.101)), .1)
    assert value.item() == pytest.approx(1.)


@pytest.mark.parametrize('weight', [0., .5])
def test_consistency_of_a_linear_gan(weight):
    turn = Turn(Scalar(1.), Scalar(.5), {'generator': Scalar(.75)},
                losses.hinge)
    turn.judge(tensor([2.]), tensor([3.]))
    turn.recorder.end_turn('discriminator')
    _, step = turn.generate(tensor([2.]))
    value = turn.bind(
        NormalisedConsistencyLoss(discriminator_weight=weight),
        'generator')(step)
    # G: -1 against -0.75. D: hinge of the fake 2 against 1.75; the real
    # image's, relu(1 - 1.5) = 0, on both sides.
    expected = .25 / .75 + weight * .25 / 1.75
    assert value.item() == pytest.approx(expected, abs=1e-6)
    value.backward()
    # d/dθ of -0.5 · 2θ is -1, and the student is below the teacher.
    assert turn.model.generator.weight.grad.item() == pytest.approx(
        1 / .75 + weight / 1.75, abs=1e-6)
    assert turn.model.discriminator.weight.grad is None


@pytest.mark.parametrize('weight', [0., .5])
def test_a_discriminator_that_minimises_the_consistency_too(weight):
    turn = Turn(Scalar(1.), Scalar(.5), {'generator': Scalar(.75)},
                losses.hinge)
    _, step = turn.judge(tensor([2.]), tensor([1.]))
    value = turn.bind(
        NormalisedConsistencyLoss(discriminator_weight=weight),
        'discriminator')(step)
    # D scores the student's 2 with 1 and the teacher's 1.5 with 0.75. G's
    # hinge: -1 against -0.75. D's, with 0.5 for the real image on both
    # sides: 2.5 against 2.25.
    expected = .25 / .75 + weight * .25 / 2.25
    assert value.item() == pytest.approx(expected, abs=1e-9)
    value.backward()
    # d/dw of -2w is -2 below the teacher's, of 1 + 2w it is 2 above.
    assert turn.model.discriminator.weight.grad.item() == pytest.approx(
        2 / .75 + weight * 2 / 2.25, abs=1e-9)
    assert turn.model.generator.weight.grad is None
    assert turn.teacher.networks['generator'].weight.grad is None


def test_a_discriminators_consistency_is_of_this_turns_images():
    """CycleGAN shows its discriminators older images."""
    turn = Turn(Scalar(1.), Scalar(.5), {'generator': Scalar(.75)},
                losses.hinge)
    with torch.no_grad():
        turn.model.generator(tensor([2.]))
    turn.model.discriminator(tensor([7.]))
    turn.model.discriminator(tensor([1.]))
    step = turn.step('discriminator')
    value = turn.bind(
        NormalisedConsistencyLoss(discriminator_weight=0.),
        'discriminator')(step)
    assert value.item() == pytest.approx(.25 / .75, abs=1e-9)
    value.backward()
    assert turn.model.discriminator.weight.grad.item() == pytest.approx(
        2 / .75, abs=1e-9)

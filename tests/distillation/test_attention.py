"""Class-aware attention maps (PPCD-GAN, Eq. 4 and 6) by hand and in a run."""

import pytest
import torch

from mmgancomp import families
from mmgancomp.cli.plan import plan
from mmgancomp.distillation.taps import Taps
from mmgancomp.distillation.terms.attention import (
    attention_distance,
    attention_map,
)
from mmgancomp.errors import ConfigError
from tests.support import runs, teaching, tiny

pytestmark = tiny.STOCK_WARNINGS

TEACHER = torch.tensor([[[1., 0.], [2., 1.]], [[0., 1.], [1., 1.]]]).double()
STUDENT = torch.tensor([[[1., 1.], [1., 2.]]]).double()


def close(found, expected):
    torch.testing.assert_close(
        torch.as_tensor(found, dtype=torch.double),
        torch.tensor(expected, dtype=torch.double), rtol=0, atol=1e-6)


def classed(scale, bias, eps=0.):
    """The teacher's maps, normalised as a class would have them."""
    mean = TEACHER.mean((1, 2), keepdim=True)
    variance = TEACHER.var((1, 2), unbiased=False, keepdim=True)
    scale, bias = (torch.tensor(v).double().view(2, 1, 1)
                   for v in (scale, bias))
    return ((TEACHER - mean) / (variance + eps).sqrt() * scale + bias)[None]


def energy(features):
    return features.square().sum(1)[0]


def test_the_maps_and_their_distance():
    close(energy(TEACHER[None]), [[1., 1.], [5., 2.]])
    close(energy(STUDENT[None]), [[1., 1.], [1., 4.]])
    close(attention_distance(STUDENT[None], TEACHER[None]), 0.8739974456)


def test_the_class_changes_the_target():
    one = classed([1., .5], [0., 1.])
    close(energy(one), [[0.0179492, 3.6606836], [3.6606836, 1.6606836]])
    close(attention_distance(STUDENT[None], one), 0.9055471421)
    close(attention_distance(STUDENT[None],
                             classed([1., .5], [0., 1.], 1e-5)),
          0.9055457482)
    other = classed([2., 0.], [0., 0.])
    close(energy(other), [[0., 8.], [8., 0.]])
    close(attention_distance(STUDENT[None], other), 1.1623744300)


def test_the_scale_of_the_student_does_not_matter():
    plain = attention_distance(STUDENT[None], TEACHER[None])
    close(attention_distance(7 * STUDENT[None], TEACHER[None]), plain.item())


def test_it_is_a_mean_over_the_batch():
    pair = torch.stack([STUDENT, 2 * STUDENT[:, [1, 0]]])
    targets = torch.stack([TEACHER, TEACHER])
    single = [
        attention_distance(p[None], t[None]) for p, t in zip(pair, targets)
    ]
    close(attention_distance(pair, targets), sum(single).item() / 2)


def test_a_map_of_zeros_has_no_nan():
    student = torch.zeros(1, 1, 2, 2, requires_grad=True)
    loss = attention_distance(student, TEACHER[None].float())
    loss.backward()
    close(loss.double(), 1.)
    assert bool(student.grad.isfinite().all())
    same = torch.ones(1, 1, 2, 2, requires_grad=True)
    attention_distance(same, torch.ones(1, 3, 2, 2)).backward()
    assert bool(same.grad.isfinite().all())


def test_half_precision_does_not_overflow():
    large = torch.full((1, 2, 2, 2), 300.).half()
    assert not bool(large.square().sum(1).isfinite().all())
    assert attention_map(large).dtype == torch.float32
    assert attention_map(large).tolist() == [[.5] * 4]


def test_features_go_through_the_norm_that_comes_next():
    """With the class of that very call, though something lies between."""
    known = next(f for f in families.known() if f.name == 'sagan')
    network = families.of(model := tiny.model(
        'sagan', generator=dict(attention_after_nth_block=1))).networks(
            model)['generator'].module
    args, kwargs = known.example_call(network, 2,
                                      torch.Generator().manual_seed(0))
    for _ in range(2):
        network.train()(*args, **kwargs)
    network.eval()
    points = known.feature_points(network)
    assert points['block1'] == ('conv_blocks.0', 'conv_blocks.2.norm_1',
                                'conv_blocks.1')
    assert points['attention'].norm == 'conv_blocks.2.norm_1'
    last = [name for name in points if name.startswith('block')][-1]
    assert points[last].norm == 'to_rgb.bn'
    # Without attention in between it is what the network itself computes.
    taps, found = Taps(network), {}
    name = taps.add_normed(points['block2'].path, points['block2'].norm)
    taps.add(points['block2'].norm)
    first = taps.add_normed(points['block1'].path, points['block1'].norm)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with torch.no_grad(), taps.collect(found):
        network(*args, **kwargs)
    assert torch.equal(found[name], found[points['block2'].norm])
    norm = network.get_submodule(points['block1'].norm)
    with torch.no_grad():
        expected = norm(found['conv_blocks.0'], kwargs['label'])
        other = norm(found['conv_blocks.0'], (kwargs['label'] + 1) % 3)
    assert torch.equal(found[first], expected)
    assert not torch.equal(found[first], other)
    assert runs.differences(before, network.state_dict()) == []


# -- in a run ----------------------------------------------------------------

@pytest.fixture(scope='module')
def foreign(tmp_path_factory):
    """A BigGAN that takes 16 latents, for a SAGAN that takes more."""
    folder = tmp_path_factory.mktemp('teacher')

    def options(**more):
        return teaching.teacher_of('biggan', folder, wider=True, **more)

    return options


def taught(tmp_path, teacher, term=None, **more):
    return teaching.distilling(
        'sagan', tmp_path / 'run', teacher=teacher,
        generator=dict(attention=dict(
            type='mmgancomp.AttentionMapLoss', **(term or {}))),
        iterations=4, **more)


class Spy(teaching.Eye):
    """Keeps what both generators were called with in each turn of G."""

    def before_train(self, runner):
        super().before_train(runner)
        hook = teaching.hook_of(runner)
        self.calls = {'student': [], 'teacher': []}
        student = hook.cast.context.networks['generator'].module
        teacher = hook.cast.teachers['teacher'].teacher.networks['generator']
        for who, network in (('student', student), ('teacher', teacher)):
            network.register_forward_hook(
                lambda m, args, kwargs, out, who=who: self.calls[who].append(
                    (args, kwargs, torch.is_grad_enabled(), m.training)),
                with_kwargs=True)


def test_a_teacher_of_another_family_has_the_same_class_and_latents(
        foreign, tmp_path):
    spy = Spy()
    runner = runs.train(taught(tmp_path, foreign(noise='first')), spy)
    values = spy.values['attention']
    assert len(values) == 2 and len(set(values)) == 2
    assert min(spy.gradients['attention']) > 0
    turns = [c for c in spy.calls['student'] if c[2]]
    assert len(turns) == len(spy.calls['teacher']) == 2
    for (args, kwargs, _, _), (own, theirs, grad, training) in zip(
            turns, spy.calls['teacher']):
        given = [*args, *kwargs.values()][0]
        taken = [*own, *theirs.values()][0]
        assert taken.shape[1] == 16 < given.shape[1]
        assert torch.equal(taken, given[:, :16])
        assert torch.equal(theirs['label'], kwargs['label'])
        assert not grad and not training
    hook = teaching.hook_of(runner)
    assert runs.differences(spy.before, teaching.states(hook)) == []
    entry = hook.cast.terms['attention'].term
    assert entry.teacher_norm == 'next'
    # The tiny teacher has three blocks: the last goes through the norm
    # before the image.
    assert entry.settings()['layers']['generator'] == {
        'conv_blocks.1': 'conv_blocks.1|conv_blocks.2.bn1',
        'conv_blocks.3': 'conv_blocks.2|output_layer.bn'
    }


@pytest.mark.parametrize('noise, term, match', [
    (None, {}, r'takes inputs of shape \(16,\)'),
    ('last', {}, "teacher.noise = 'last'.*'first'"),
    ('first', dict(layers=['block1', 'blok2']), 'block2'),
    ('first', dict(layers=dict(block1='block2')), 'maps must be of one size'),
    ('first', dict(teacher_norm='batch'), 'next, instance, none'),
    ('first', dict(attention='beside'), 'before, after'),
    ('first', dict(layers=['noise2feat']), 'norm is known|one size'),
])
def test_what_cannot_work_is_named(noise, term, match, foreign, tmp_path):
    teacher = foreign()
    if noise:
        teacher['noise'] = noise
    with pytest.raises(ConfigError, match=match):
        plan(taught(tmp_path, teacher, term))


def test_a_foreign_teacher_lends_no_discriminator(foreign, tmp_path):
    config = taught(tmp_path, foreign(noise='first'))
    config.default_hooks.distillation.generator = dict(
        guide=dict(type='mmgancomp.TeacherAdversarialLoss'))
    with pytest.raises(ConfigError, match='must be of the same family'):
        plan(config)

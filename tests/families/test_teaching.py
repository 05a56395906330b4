"""What families say about a training step, against the stock losses."""

import pytest
import torch

from mmgancomp import families
from mmgancomp.families import NotOffered
from tests.support import runs, teaching, tiny

pytestmark = tiny.STOCK_WARNINGS


class Compare(teaching.Eye):
    """Evaluates the objectives of each turn and keeps the stock loss."""

    def __init__(self):
        super().__init__(gradients=False)
        self.pairs = {'generator': [], 'discriminator': []}
        self.sums = dict.fromkeys(self.pairs, 0.)

    def before_train(self, runner):
        super().before_train(runner)
        hook = teaching.hook_of(runner)
        inner = hook._loss

        def compare(place, loss, last=True):
            self.sums[place] += loss.item()
            if not last:
                return inner(place, loss, last)
            from mmgancomp.distillation import Step
            cast = hook.cast
            model, family = cast.context.model, cast.context.family
            step = Step(model, family, cast.recorder, place)
            ask = getattr(family, f'{place}_objectives')
            terms = ask(model, step.student())
            total = sum(weight * value for weight, value in terms.values())
            if place == 'discriminator':
                total = total * family.discriminator_loss_weight
            self.pairs[place].append((total.item(), self.sums[place]))
            self.sums[place] = 0.
            return inner(place, loss)

        hook._loss = compare


@pytest.mark.slow
@pytest.mark.parametrize('family', tiny.FAMILIES)
def test_objectives_add_up_to_the_stock_loss(family, tmp_path):
    """Regularisers left out, of which a turn of StyleGAN2 may have one."""
    compare = Compare()
    runs.train(
        teaching.distilling(
            family,
            tmp_path / 'run',
            iterations=4,
            teacher=teaching.teacher_of(family, tmp_path),
            generator=dict(
                out=dict(type='mmgancomp.OutputL1Loss', loss_weight=0.))),
        compare)
    pairs = compare.pairs['generator']
    assert len(pairs) >= 2
    # The first turns of StyleGAN2 have a penalty, by its intervals.
    for total, loss in pairs[1:]:
        assert total == pytest.approx(loss, rel=1e-5)
    # In its own turn D judges the reals once more, with its statistics
    # moved on by what it has judged: near, and exact where it has none.
    for total, loss in compare.pairs['discriminator'][1:]:
        assert total == pytest.approx(loss, rel=.2, abs=.05)


@pytest.mark.parametrize('family', tiny.FAMILIES)
def test_feature_points_lead_to_modules(family):
    model = tiny.model(family)
    known = families.of(model)
    for network in known.networks(model).values():
        points = known.feature_points(network.module)
        assert len(points) >= 2
        for point in points.values():
            network.module.get_submodule(point.path)
            if point.norm is not None:
                norm = network.module.get_submodule(point.norm)
                assert any('running_mean' in name
                           for name, _ in norm.named_buffers())


@pytest.mark.parametrize(('family', 'role', 'name', 'size'), [
    ('stylegan2', 'generator', '16px', 16),
    ('stylegan2', 'generator', '4px', 4),
    ('stylegan2', 'discriminator', '16px', 8),
    ('stylegan2', 'discriminator', '4px', 4),
    ('biggan', 'generator', '8px', 8),
    ('biggan', 'discriminator', '32px', 16),
    ('sagan', 'generator', '16px', 16),
    ('sngan_proj', 'generator', '32px', 32),
    ('sagan', 'discriminator', '32px', 16),
])
def test_resolutions_are_what_they_say(family, role, name, size):
    """Of D the block that takes it, so what comes out is half."""
    from mmgancomp.distillation.connectors import example_features
    model = tiny.model(family)
    known = families.of(model)
    network = known.networks(model)[role].module
    point = known.feature_points(network)[name]
    features = example_features(known, network, [point.path])[point.path]
    assert features.shape[-1] == size


def test_a_missing_answer_is_named(tmp_path):

    class Silent(families.Family):
        name = 'silent'
        claims = networks = adversarial_loss = example_call = None

    silent = Silent()
    for method, arguments in (('judgements', (None, None)),
                              ('feature_points', (torch.nn.ReLU(), ))):
        with pytest.raises(NotOffered, match=f"no method '{method}'"):
            getattr(silent, method)(*arguments)


@pytest.mark.parametrize('family', ['srgan', 'esrgan'])
def test_a_step_of_its_own_takes_terms_once(family, tmp_path):
    """Real and fake loss have a backward each; the terms come with one."""
    eye = teaching.Eye(gradients=False)
    runs.train(
        teaching.distilling(
            family,
            tmp_path / 'run',
            iterations=3,
            model=dict(train_cfg=dict(disc_repeat=2)),
            teacher=teaching.teacher_of(family, tmp_path),
            generator=dict(
                image=dict(type='mmgancomp.OutputL1Loss')),
            discriminator=dict(
                out=dict(type='mmgancomp.DiscriminatorOutputLoss'))), eye)
    assert len(eye.values['image']) == 3
    assert len(eye.values['out']) == 6


@pytest.mark.parametrize('mode', ['frozen', 'teacher'])
def test_a_step_of_its_own_is_not_taken_where_nothing_trains(mode, tmp_path):
    runner = runs.train(
        teaching.distilling(
            'srgan',
            tmp_path / 'run',
            iterations=2,
            hook=dict(student_discriminator=mode),
            teacher=teaching.teacher_of('srgan', tmp_path),
            generator=dict(image=dict(type='mmgancomp.OutputL1Loss'))))
    state = runner.optim_wrapper['discriminator'].optimizer.state_dict()
    assert not state['state']
    assert runner.optim_wrapper['generator'].optimizer.state_dict()['state']

"""What becomes of teachers, terms and discriminators during a run."""

import pytest
import torch

from mmgancomp import families
from mmgancomp.errors import ConfigError
from mmgancomp.runtime.snapshots import Snapshots
from tests.support import half, runs, teaching, tiny  # noqa: F401

pytestmark = tiny.STOCK_WARNINGS

GUIDE = dict(type='mmgancomp.TeacherAdversarialLoss')
POINTS = dict(
    generator=dict(
        inter=dict(type='mmgancomp.FeatureL1Loss', layers=['block1'])),
    discriminator=dict(
        judge=dict(type='mmgancomp.FeatureL1Loss', layers=['block2'])))


def networks_of(runner):
    model = families.base.bare(runner.model)
    return families.of(model).networks(model)


def test_connectors_and_an_updated_teacher_resume_to_the_bit(tmp_path):
    teacher = teaching.teacher_of('dcgan', tmp_path, wider=True, train=True)
    terms = {
        **POINTS, 'generator': {
            **POINTS['generator'], 'guide': GUIDE
        }
    }

    def config(name):
        return teaching.distilling(
            'dcgan', tmp_path / name, teacher=teacher, **terms)

    runner = runs.train(config('whole'))
    runs.train(runs.resume_from(config('again'), tmp_path / 'whole', 4))
    whole, again = (
        runs.training_state(runs.load(tmp_path / name / 'iter_8.pth'))
        for name in ('whole', 'again'))
    assert runs.differences(whole, again) == []
    state = whole['distillation']
    assert set(state['companions']) == {'inter', 'judge', 'teacher teacher'}
    assert list(state['teachers']) == ['teacher']
    before = runs.load(tmp_path / 'whole' / 'iter_4.pth')
    before = before['mmgancomp']['distillation']
    for part in ('terms', 'teachers'):
        assert runs.differences(state[part], before[part])
    optimizer = teaching.hook_of(runner)._companions['inter'].optimizer
    assert type(optimizer) is torch.optim.Adam
    assert optimizer.defaults['betas'] == (.5, .999)


@pytest.mark.slow
def test_an_updated_teacher_trains_and_the_student_does_not_notice(tmp_path):
    """Its discriminator alone moves; D's own updates are stock."""
    states = []
    for train in (False, True):
        folder = tmp_path / str(train)
        teacher = teaching.teacher_of('stylegan2', tmp_path)
        eye = teaching.Eye(gradients=False)
        # A weight that rounds away: the student must not differ by it.
        guide = dict(GUIDE, loss_weight=1e-30)
        runner = runs.train(
            teaching.distilling(
                'stylegan2',
                folder,
                iterations=2,
                teacher=dict(teacher, train=train),
                generator=dict(guide=guide)), eye)
        moved = runs.differences(
            eye.before, teaching.states(teaching.hook_of(runner)))
        assert bool(moved) == train
        assert all('.discriminator.' in path for path in moved)
        states.append(dict(networks_of(runner)['discriminator'].module.
                           state_dict()))
    assert runs.differences(*states) == []


@pytest.mark.slow
@pytest.mark.parametrize('family', ['biggan', 'pix2pix'])
def test_a_frozen_discriminator_stays_as_it_was_loaded(family, tmp_path):
    like = teaching.teacher_of(family, tmp_path)
    config = teaching.distilling(
        family,
        tmp_path / 'run',
        teacher=like,
        hook=dict(student_discriminator='frozen'),
        iterations=4,
        load_from=like['checkpoint'],
        generator=dict(same=dict(type='mmgancomp.NormalisedConsistencyLoss')))
    runner = runs.train(config)
    loaded = runs.load(like['checkpoint'])['state_dict']
    moved = {'generator': 0, 'discriminator': 0}
    for name, network in networks_of(runner).items():
        for key, value in network.module.state_dict().items():
            moved[network.role] += not torch.equal(
                value, loaded[f'{name}.{key}'])
    assert moved['discriminator'] == 0
    assert moved['generator'] > 10


@pytest.mark.parametrize(
    'family',
    ['cyclegan', pytest.param('sagan', marks=pytest.mark.slow)])
def test_the_teacher_judges_in_the_students_place(family, tmp_path):
    teacher = teaching.teacher_of(family, tmp_path, wider=True)
    eye = teaching.Eye()
    runner = runs.train(
        teaching.distilling(
            family,
            tmp_path / 'run',
            teacher=teacher,
            iterations=4,
            hook=dict(student_discriminator='teacher')), eye)
    hook = teaching.hook_of(runner)
    assert runs.differences(eye.before, teaching.states(hook)) == []
    cast = hook.cast
    assert cast.teachers['teacher'].teacher.calls > 4
    for name, network in networks_of(runner).items():
        optimizer = runner.optim_wrapper[network.optimizer].optimizer
        trained = bool(optimizer.state)
        assert trained == (network.role == 'generator'), name


def test_stages_switch_a_term_on_at_the_update(tmp_path):
    """Two-stage DGL-GAN: weights go on, moments start anew."""
    teacher = teaching.teacher_of('dcgan', tmp_path)

    class Look(teaching.Eye):
        seen: list = []

        def before_train(self, runner):
            super().before_train(runner)
            wrapper = runner.optim_wrapper['generator']
            inner = wrapper.update_params

            def look(loss, *args, **kwargs):
                self.seen.append((
                    len(self.values.get('guide', [])),
                    len(wrapper.optimizer.state)))
                inner(loss, *args, **kwargs)

            wrapper.update_params = look

    look = Look()
    runs.train(
        teaching.distilling(
            'dcgan',
            tmp_path / 'run',
            teacher=teacher,
            generator=[GUIDE],
            default_hooks=dict(
                stages=dict(
                    type='mmgancomp.StageHook',
                    stages=[
                        dict(
                            until=5,
                            weights=dict(teacher_adversarial_loss=0.)),
                        dict(
                            weights=dict(teacher_adversarial_loss=.1),
                            reset_optimizers=True)
                    ]))), look)
    assert len(look.values['teacher_adversarial_loss']) == 3
    assert [bool(moments) for _, moments in look.seen] == [
        False, True, True, True, True, False, True, True
    ]


@pytest.mark.slow
def test_begin_and_end_count_the_networks_updates(tmp_path):
    teacher = teaching.teacher_of('biggan', tmp_path)
    eye = teaching.Eye(gradients=False)
    runs.train(
        teaching.distilling(
            'biggan',
            tmp_path / 'run',
            teacher=teacher,
            generator=dict(guide=dict(GUIDE, begin=1, end=.75)),
            discriminator=dict(
                out=dict(
                    type='mmgancomp.DiscriminatorOutputLoss', begin=3))), eye)
    # 8 updates of D, 4 of G.
    assert {k: len(v) for k, v in eye.values.items()} == dict(guide=2, out=5)


@pytest.mark.slow
def test_a_replaced_loss_is_not_optimised(tmp_path):
    """Alone, a term that is at its goal leaves the generator in peace."""
    teacher = teaching.teacher_of('dcgan', tmp_path)
    moved = {}
    for replace in (False, True):
        eye = teaching.Eye(gradients=False)
        config = teaching.distilling(
            'dcgan',
            tmp_path / str(replace),
            teacher=teacher,
            iterations=1,
            load_from=teacher['checkpoint'],
            generator=dict(
                guide=dict(
                    GUIDE, loss_weight=1e-30, replace_stock=replace)),
            optim_wrapper=dict(
                generator=dict(optimizer=dict(_delete_=True, type='SGD',
                                              lr=1.))))
        runner = runs.train(config, eye)
        loaded = runs.load(teacher['checkpoint'])['state_dict']
        moved[replace] = any(
            not torch.allclose(
                value.detach(), loaded[f'generator.{key}'], atol=1e-20)
            for key, value in
            networks_of(runner)['generator'].module.named_parameters())
    assert moved == {False: True, True: False}


@pytest.mark.slow
def test_two_teachers_are_told_apart(tmp_path):
    eye = teaching.Eye(gradients=False)
    runs.train(
        teaching.distilling(
            'dcgan',
            tmp_path / 'run',
            iterations=2,
            teacher=dict(
                big=teaching.teacher_of('dcgan', tmp_path, wider=True),
                old=teaching.teacher_of('dcgan', tmp_path, seed=2)),
            generator=dict(
                one=dict(GUIDE, teacher='big'),
                two=dict(GUIDE, teacher='old'),
                three=dict(GUIDE, teacher='old', loss_weight=.3))), eye)
    assert eye.values['one'] != eye.values['two']
    assert eye.values['two'] == eye.values['three']


def test_a_replay_is_made_once_whoever_asks(tmp_path):
    teacher = teaching.teacher_of('dcgan', tmp_path)
    runner = runs.train(
        teaching.distilling(
            'dcgan',
            tmp_path / 'run',
            iterations=2,
            teacher=teacher,
            generator=dict(
                a=GUIDE,
                b=GUIDE,
                c=dict(type='mmgancomp.OutputL1Loss'),
                d=dict(type='mmgancomp.NormalisedConsistencyLoss'))))
    cast = teaching.hook_of(runner).cast
    # Two G turns, in each the generator and the discriminator once.
    assert cast.teachers['teacher'].teacher.calls == 4


def test_a_teacher_may_be_a_snapshot_of_the_run(tmp_path):
    generator = dict(guide=dict(GUIDE, begin=4))
    config = teaching.distilling(
        'dcgan',
        tmp_path,
        teacher=dict(checkpoint='snapshot:early'),
        generator=generator)

    class Save(teaching.Eye):

        def after_train_iter(self, runner, batch_idx, data_batch=None,
                             outputs=None):
            if runner.iter == 2:
                model = families.base.bare(runner.model)
                Snapshots(model, networks_of(runner),
                          tmp_path / 'snapshots').save('early')

    save = Save(gradients=False)
    runner = runs.train(config, save)
    assert len(save.values['guide']) == 4
    saved = torch.load(tmp_path / 'snapshots' / 'early.pth',
                       weights_only=True)['state_dict']
    twin = teaching.states(teaching.hook_of(runner))['teacher']
    for key, value in twin['discriminator'].items():
        assert torch.equal(value, saved[f'discriminator.{key}'])


def test_a_snapshot_that_is_never_made_is_named(tmp_path):
    config = teaching.distilling(
        'dcgan',
        tmp_path,
        teacher=dict(checkpoint='snapshot:dense'),
        generator=dict(guide=GUIDE))
    with pytest.raises(ConfigError, match='no such snapshot'):
        runs.train(config)


@pytest.mark.slow
def test_an_overflow_skips_the_connectors_too(tmp_path):
    teacher = teaching.teacher_of('dcgan', tmp_path, wider=True)
    lives = []

    class Look(teaching.Eye):

        def after_train_iter(self, runner, batch_idx, data_batch=None,
                             outputs=None):
            term = teaching.hook_of(runner).cast.terms['inter'].term
            lives.append([p.detach().clone() for p in term.parameters()])

    wrapper = dict(type='HalfOptimWrapper', overflow=[2])
    runs.train(
        teaching.distilling(
            'dcgan',
            tmp_path / 'run',
            teacher=teacher,
            iterations=4,
            optim_wrapper=dict(generator=wrapper, discriminator=wrapper),
            generator=POINTS['generator']), Look(gradients=False))
    changes = [bool(runs.differences(a, b))
               for a, b in zip(lives, lives[1:])]
    assert changes == [False, True, True]


@pytest.mark.slow
def test_masks_and_a_teacher_train_and_resume_together(tmp_path):
    teacher = teaching.teacher_of('biggan', tmp_path, wider=True)
    sparsity = dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(
                density=.2, schedule=dict(type='AGP', interval=1))))

    def config(name):
        return teaching.distilling(
            'biggan',
            tmp_path / name,
            teacher=teacher,
            default_hooks=dict(sparsity=sparsity),
            generator=dict(
                guide=GUIDE,
                inter=dict(
                    type='mmgancomp.FeatureL1Loss', layers=['block1']),
                same=dict(type='mmgancomp.NormalisedConsistencyLoss')))

    watch = runs.Watch()
    runs.train(config('whole'), watch, teaching.Eye())
    assert watch.violations == []
    assert watch.kept['generator'][-1] < watch.kept['generator'][0]
    runs.train(runs.resume_from(config('again'), tmp_path / 'whole', 4))
    assert runs.differences(*(
        runs.training_state(runs.load(tmp_path / name / 'iter_8.pth'))
        for name in ('whole', 'again'))) == []

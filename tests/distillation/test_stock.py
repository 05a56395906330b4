"""Without weight a teacher is not there; with it, only the loss changes."""

import pytest
import torch

from mmgancomp import families
from mmgancomp.repairs.reading import read_checkpoint
from tests.support import lessons, runs, teaching, tiny

pytestmark = tiny.STOCK_WARNINGS

FAMILIES = [
    pytest.param(
        family, marks=[] if family == 'biggan' else
        pytest.mark.slow) for family in tiny.FAMILIES
]


def stock_state(folder, iterations):
    # A stock run's log history is more than weights.
    found = read_checkpoint(folder / f'iter_{iterations}.pth')
    return found['state_dict'], found['optimizer']


@pytest.mark.parametrize('family', FAMILIES)
def test_weight_0_is_stock_to_the_bit_and_asks_nobody(family, tmp_path):
    runs.train(tiny.config(family, tmp_path / 'stock', iterations=4))
    teacher = teaching.teacher_of(family, tmp_path, wider=True)
    runner = runs.train(
        teaching.distilling(
            family,
            tmp_path / 'taught',
            teacher=teacher,
            iterations=4,
            **lessons.everything(family, weight=0.)))
    assert runs.differences(*(stock_state(tmp_path / name, 4)
                              for name in ('stock', 'taught'))) == []
    cast = teaching.hook_of(runner).cast
    assert len(cast.terms) == len(lessons.terms())
    assert cast.teachers['teacher'].teacher.calls == 0


class Spy:
    """Keeps what a network is called with."""

    def __init__(self, module):
        self.calls, self.module = [], module
        module.register_forward_hook(self._see, with_kwargs=True)

    def _see(self, module, args, kwargs, output):
        self.calls.append((args, kwargs, torch.is_grad_enabled()))


class Watch(teaching.Eye):
    """Spies on the networks of student and teacher."""

    def before_train(self, runner):
        super().before_train(runner)
        hook = teaching.hook_of(runner)
        self.runner = runner
        self.student = {
            name: Spy(network.module)
            for name, network in hook.cast.context.networks.items()
        }
        self.teacher = {
            name: Spy(module) for name, module in
            hook.cast.teachers['teacher'].teacher.networks.items()
        }

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        # What a careless script does; the teacher is no part of the model.
        runner.model.train()
        for spy in (*self.student.values(), *self.teacher.values()):
            spy.calls.clear()

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        if not self.teacher['discriminator'].calls:
            return
        self.seen = getattr(self, 'seen', 0) + 1
        fakes = [
            call for call in self.student['discriminator'].calls
            if call[0][0].requires_grad
        ]
        (images, labels, gradient), = [
            (args[0], kwargs['label'], grad)
            for args, kwargs, grad in self.teacher['discriminator'].calls
        ]
        assert gradient
        assert images is fakes[0][0][0]
        assert labels is fakes[0][1]['label']
        turn = [c for c in self.student['generator'].calls if c[2]]
        assert len(turn) == 1
        assert torch.equal(labels, turn[0][1]['label'])
        real = self.student['discriminator'].calls[1][1]['label']
        assert not torch.equal(labels.flatten(), real.flatten())
        assert not any(
            module.training for spy in self.teacher.values()
            for module in spy.module.modules())
        assert all(p.grad is None for spy in self.teacher.values()
                   for p in spy.module.parameters())


def test_the_teacher_sees_the_very_fakes_and_their_labels(tmp_path):
    watch = Watch()
    teacher = teaching.teacher_of('biggan', tmp_path, wider=True)
    runner = runs.train(
        teaching.distilling(
            'biggan',
            tmp_path / 'run',
            teacher=teacher,
            generator=dict(
                guide=dict(type='mmgancomp.TeacherAdversarialLoss'))), watch)
    assert watch.seen == 4
    hook = teaching.hook_of(runner)
    assert runs.differences(watch.before, teaching.states(hook)) == []
    saved = runs.load(tmp_path / 'run' / 'iter_8.pth')
    assert set(saved['state_dict']) == set(
        tiny.model('biggan').state_dict())
    assert saved['mmgancomp']['distillation']['teachers'] == {}


def gradients(family, folder, teacher, **terms):
    """Gradients of each network's first update, and D's state after it."""
    config = teaching.distilling(
        family, folder, teacher=teacher, iterations=2, **terms)
    found = {}

    class Keep(teaching.Eye):

        def before_train(self, runner):
            model = families.base.bare(runner.model)
            for name, n in families.of(model).networks(model).items():
                optimizer = runner.optim_wrapper[n.optimizer].optimizer
                optimizer.register_step_pre_hook(keeper(name, n.module))

    def keeper(name, module):

        def keep(*_):
            found.setdefault(name, {
                k: p.grad.clone() for k, p in module.named_parameters()
                if p.grad is not None
            })

        return keep

    runner = runs.train(config, Keep())
    model = families.base.bare(runner.model)
    return found, families.of(model).networks(model)


@pytest.mark.parametrize(
    'family',
    ['pix2pix', pytest.param('biggan', marks=pytest.mark.slow)])
def test_consistency_with_the_discriminator_moves_the_generator_alone(
        family, tmp_path):
    teacher = teaching.teacher_of(family, tmp_path)
    found = {}
    for weight in (0., .5):
        found[weight], networks = gradients(
            family,
            tmp_path / str(weight),
            teacher,
            generator=dict(
                same=dict(
                    type='mmgancomp.NormalisedConsistencyLoss',
                    discriminator_weight=weight)))
    for name, network in networks.items():
        changed = runs.differences(found[0.][name], found[.5][name])
        assert found[0.][name]
        if network.role == 'generator':
            assert changed
        else:
            assert not changed


@pytest.mark.slow
@pytest.mark.parametrize('family', ['biggan', 'dcgan'])
def test_terms_leave_the_discriminators_statistics_alone(family, tmp_path):
    """Extra judgements move no spectral norm and no batch statistics."""
    teacher = teaching.teacher_of(family, tmp_path)
    buffers = []
    for weight in (0., 1.):
        runner = runs.train(
            teaching.distilling(
                family,
                tmp_path / str(weight),
                teacher=teacher,
                # One update of D, and G's turn after it.
                iterations=1,
                **{'model.discriminator_steps': 1},
                generator=dict(
                    same=dict(
                        type='mmgancomp.NormalisedConsistencyLoss',
                        loss_weight=weight)),
                optim_wrapper=dict(
                    generator=dict(
                        optimizer=dict(lr=0.)))))
        model = families.base.bare(runner.model)
        buffers.append(dict(model.discriminator.named_buffers()))
    assert buffers[0]
    assert runs.differences(*buffers) == []

"""What is peculiar to super-resolution: order and number of its turns."""

from __future__ import annotations

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import DefaultScope

from mmgancomp import families, registry  # noqa: F401, for its repairs
from mmgancomp.families import NotOffered
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture(scope='module')
def batch(tmp_path_factory):
    from mmagic.registry import DATASETS
    config = tiny.config('srgan', tmp_path_factory.mktemp('srgan'))
    with DefaultScope.overwrite_default_scope('mmagic'):
        dataset = DATASETS.build(config.train_dataloader.dataset)
    return pseudo_collate([dataset[0], dataset[1]])


@pytest.mark.parametrize('counts', [(1, 1), (1, 2), (2, 3), (3, 4)])
@pytest.mark.parametrize('turns', [
    dict(),
    dict(disc_steps=2),
    dict(disc_steps=3, disc_init_steps=4, disc_repeat=2),
    dict(disc_init_steps=100),
], ids=str)
def test_updates_are_those_that_the_stock_model_makes(counts, turns, batch):
    model = tiny.model('srgan', train_cfg=turns)
    # Which turns there are does not depend on what the networks compute.
    for name in ('generator', 'discriminator'):
        setattr(model, name, torch.nn.Conv2d(3, 3, 1))
    model.generator = torch.nn.Sequential(
        model.generator, torch.nn.Upsample(scale_factor=4))
    family = families.of(model)
    keys = ('generator', 'discriminator')
    accumulation = dict(zip(keys, counts))
    wrappers = OptimWrapperDict(
        **{
            key: OptimWrapper(
                torch.optim.SGD(getattr(model, key).parameters(), lr=1e-4),
                accumulative_counts=accumulation[key])
            for key in keys
        })
    steps = dict.fromkeys(keys, 0)

    def count(key):

        def hook(*_):
            steps[key] += 1

        return hook

    for key, wrapper in wrappers.items():
        wrapper.optimizer.register_step_post_hook(count(key))
    for iteration in range(13):
        model.train_step(batch, wrappers)
        assert steps == {
            key: family.updates(model, key, iteration + 1, accumulation)
            for key in keys
        }, iteration
    assert all(
        family.updates(model, key, 0, accumulation) == 0 for key in keys)


def test_losses_are_those_of_training():
    model = tiny.model('srgan')
    family = families.of(model)
    fake, real = torch.rand(2, 2, 3, 128, 128)
    scores = {
        True: model.discriminator(real),
        False: model.discriminator(fake)
    }
    for is_real, stock in ((True, model.d_step_real), (False,
                                                       model.d_step_fake)):
        torch.testing.assert_close(
            family.adversarial_loss(model, scores[is_real], False, is_real),
            stock(fake, real))
    for is_real in (True, False):
        torch.testing.assert_close(
            family.adversarial_loss(model, scores[False], True, is_real),
            model.g_step(fake, real)['loss_gan'])


def test_esrgan_s_losses_when_the_other_batch_scores_zero(monkeypatch):
    model = tiny.model('esrgan')
    family = families.of(model)
    fake, real = torch.rand(2, 2, 3, 128, 128)
    score = torch.linspace(-2, 3, 2).reshape(2, 1)
    scores = {id(fake): score, id(real): 0 * score}
    monkeypatch.setattr(
        type(model.discriminator), 'forward',
        lambda self, images: scores[id(images)])
    constant = model.gan_loss(0 * score - score.mean(), False, False) * .5
    torch.testing.assert_close(
        family.adversarial_loss(model, score, True, True) + constant,
        model.g_step(fake, real)['loss_gan'])
    monkeypatch.setattr(fake.__class__, 'detach', lambda self: self)
    model.real_d_pred = torch.tensor(0.)
    torch.testing.assert_close(
        family.adversarial_loss(model, score, False, False),
        model.d_step_fake(fake, real))
    scores = {id(fake): 0 * score, id(real): score}
    torch.testing.assert_close(
        family.adversarial_loss(model, score, False, True),
        model.d_step_real(fake, real))


@pytest.mark.parametrize('question', ['updates', 'adversarial_loss'])
def test_a_turn_of_ones_own_is_not_guessed(question):
    model = tiny.model('srgan')
    own = {
        name: lambda self, *args: {}
        for name in ('d_step_with_optim', 'd_step_fake')
    }
    model.__class__ = type('Mine', (type(model), ), own)
    family = families.of(model)
    arguments = dict(
        updates=('generator', 5, {}),
        adversarial_loss=(torch.zeros(1, 1), True, True))
    with pytest.raises(NotOffered, match=f'{question}.*Mine'):
        getattr(family, question)(model, *arguments[question])


def test_models_that_train_otherwise_are_not_claimed():
    from mmagic.models.editors import RealESRGAN
    model = RealESRGAN.__new__(RealESRGAN)
    torch.nn.Module.__init__(model)
    with pytest.raises(families.ConfigError, match='RealESRGAN'):
        families.of(model)


@pytest.mark.parametrize('scale', [1, 2, 4])
def test_an_image_for_every_scale(scale):
    model = tiny.model('esrgan', generator=dict(upscale_factor=scale))
    family = families.of(model)
    for size, edge in ((None, 256), (8, 8 * scale)):
        args, kwargs = family.example_call(
            model.generator, 1, torch.Generator().manual_seed(0), size)
        assert model.generator(*args, **kwargs).shape == (1, 3, edge, edge)
        assert 0 <= args[0].min() < args[0].max() <= 1


def test_the_turns_go_on_where_they_were(tmp_path):
    """The counter behind them is in no state_dict."""

    def config(folder):
        return tiny.config(
            'srgan',
            folder,
            iterations=8,
            checkpoint=3,
            model=dict(train_cfg=dict(disc_steps=2, disc_init_steps=2)),
            default_hooks=dict(
                compression=dict(type='mmgancomp.RunStateHook')))

    runs.train(config(tmp_path / 'whole'))
    runs.train(
        runs.resume_from(config(tmp_path / 'again'), tmp_path / 'whole', 3))
    ends = [
        runs.load(tmp_path / part / 'iter_8.pth')
        for part in ('whole', 'again')
    ]
    assert runs.differences(*map(runs.training_state, ends)) == []
    assert ends[0]['mmgancomp']['family'] == dict(step_counter=8)
    assert ends[0]['mmgancomp']['clocks'] == dict(
        generator=3, discriminator=8)

"""The loss that a family answers with is the one that training computes."""

from __future__ import annotations

import pytest
import torch
from mmengine import MessageHub
from torch.nn.functional import softplus

from mmgancomp import families
from mmgancomp.families import NotOffered
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS

CONDITIONAL = ('biggan', 'sagan', 'sngan_proj')


def logits() -> torch.Tensor:
    """On both sides of every hinge."""
    return torch.linspace(-3, 3, 12).reshape(12, 1).requires_grad_()


def iteration(number: int) -> None:
    MessageHub.get_instance('test')
    MessageHub.get_current_instance().update_info('iter', number)


def stock_terms(model, fake, real) -> tuple[dict, dict]:
    """Logged terms of the model's own two loss methods."""
    iteration(1)  # StyleGAN2 regularises in multiples of four
    images = torch.rand(len(real), 3, 16, 16)
    kind = type(model).__name__
    if kind == 'WGANGP':
        images = torch.rand(len(real), 3, 32, 32)
        model.gp_loss_weight = 0.
        discriminator = model.disc_loss(images, images, fake, real)[1]
    elif kind == 'StyleGAN2':
        discriminator = model.disc_loss(fake, real, images)[1]
    else:
        discriminator = model.disc_loss(fake, real)[1]
    extra = (12, ) if kind == 'StyleGAN2' else ()
    return model.gen_loss(fake, *extra)[1], discriminator


def same(mine: torch.Tensor, stock: torch.Tensor,
         variable: torch.Tensor) -> None:
    assert mine.shape == ()
    torch.testing.assert_close(mine, stock, rtol=0, atol=0)
    gradients = [
        torch.autograd.grad(loss, variable, retain_graph=True)[0]
        for loss in (mine, stock)
    ]
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


@pytest.mark.parametrize('name, kind', [
    *((name, None) for name in ('stylegan2', *CONDITIONAL, 'dcgan')),
    *(('dcgan', kind) for kind in ('LSGAN', 'WGANGP', 'GGAN')),
])
def test_base_gan_families(name, kind):
    model = tiny.model(name, **(dict(type=kind) if kind else {}))
    family = families.of(model)
    fake, real = logits(), logits()
    generator, discriminator = stock_terms(model, fake, real)
    same(family.adversarial_loss(model, fake, True, False),
         generator['loss_gen'], fake)
    # Whatever it is told, a generator wants its images taken for real.
    same(family.adversarial_loss(model, fake, True, True),
         generator['loss_gen'], fake)
    same(family.adversarial_loss(model, fake, False, False),
         discriminator['loss_disc_fake'], fake)
    same(family.adversarial_loss(model, real, False, True),
         discriminator['loss_disc_real'], real)


@pytest.mark.parametrize('gan_type', ['vanilla', 'lsgan', 'wgan', 'hinge'])
def test_a_model_with_a_loss_module(gan_type):
    from mmagic.models.base_models import BaseGAN

    class WithModule(BaseGAN):
        pass

    bodies = tiny.model('dcgan')
    model = WithModule(
        bodies.generator,
        bodies.discriminator,
        loss_config=dict(
            gan_loss=dict(
                type='GANLoss', gan_type=gan_type, loss_weight=0.5)))
    family = families.of(model)
    fake, real = logits(), logits()
    generator = model._get_gen_loss(dict(disc_pred_fake_g=fake))[1]
    discriminator = model._get_disc_loss(
        dict(disc_pred_fake=fake, disc_pred_real=real))[1]
    same(family.adversarial_loss(model, fake, True, True),
         generator['loss_disc_fake_g'], fake)
    same(family.adversarial_loss(model, fake, False, False),
         discriminator['loss_disc_fake'], fake)
    same(family.adversarial_loss(model, real, False, True),
         discriminator['loss_disc_real'], real)


@pytest.mark.parametrize('name', ['cyclegan', 'pix2pix'])
def test_translation_families(name):
    """Stock halves the discriminators' sum; a term is as before that."""
    model = tiny.model(name)
    family = families.of(model)
    domains = list(model.generators)
    images = {
        f'{kind}_{domain}': torch.rand(2, 3, 32, 32)
        for kind in ('real', 'fake', 'cycle')
        for domain in ('photo', 'mask')
    }
    terms = {}
    for domain in domains:
        source = 'mask' if domain == 'photo' else 'photo'
        pair = [images[f'real_{source}']] if name == 'pix2pix' else []
        for kind in ('fake', 'real'):
            batch = torch.cat([*pair, images[f'{kind}_{domain}']], 1)
            score = model.discriminators[domain](batch)
            terms[domain, kind] = family.adversarial_loss(
                model, score, False, kind == 'real')
            terms[domain, 'generator'] = family.adversarial_loss(
                model, model.discriminators[domain](
                    torch.cat([*pair, images[f'fake_{domain}']], 1)),
                True, True)
    total, _ = model._get_disc_loss(dict(images))
    torch.testing.assert_close(
        total, 0.5 * sum(terms[domain, kind] for domain in domains
                         for kind in ('fake', 'real')))
    _, logged = model._get_gen_loss(dict(images))
    for domain in domains:
        key = f'_{domain}' if name == 'cyclegan' else ''
        torch.testing.assert_close(terms[domain, 'generator'],
                                   logged[f'loss_gan_g{key}'])


@pytest.mark.parametrize('name, method', [('biggan', 'gen_loss'),
                                          ('stylegan2', 'disc_loss'),
                                          ('dcgan', 'gen_loss'),
                                          ('pix2pix', '_get_gen_loss')])
def test_a_loss_of_ones_own_is_not_guessed(name, method):
    model = tiny.model(name)
    own = type('Mine', (type(model), ), {method: lambda self: None})
    model.__class__ = own
    family = families.of(model)
    with pytest.raises(NotOffered) as caught:
        family.adversarial_loss(model, logits(), True, True)
    message = str(caught.value)
    assert 'adversarial_loss' in message
    assert 'Mine' in message and method in message


def test_a_model_without_any_loss_is_not_guessed():
    from mmagic.models.base_models import BaseGAN

    class Lossless(BaseGAN):
        pass

    bodies = tiny.model('dcgan')
    model = Lossless(bodies.generator, bodies.discriminator)
    with pytest.raises(NotOffered, match='adversarial_loss.*Lossless'):
        families.of(model).adversarial_loss(model, logits(), True, True)


@pytest.mark.parametrize('name', CONDITIONAL)
def test_another_loss_is_trained_and_answered_with(name):
    model = tiny.model(name)
    family = families.of(model)
    assert family.set_adversarial_loss(model, 'bce') == 'hinge'
    fake, real = logits(), logits()
    stock = {}
    for terms in (model.gen_loss(fake), model.disc_loss(fake, real)):
        loss, logged = terms
        stock.update(logged)
        assert loss == sum(v for k, v in logged.items() if k != 'loss')
    for key, mine, by_hand in (
            ('loss_gen', (fake, True, False), softplus(-fake)),
            ('loss_disc_fake', (fake, False, False), softplus(fake)),
            ('loss_disc_real', (real, False, True), softplus(-real))):
        answered = family.adversarial_loss(model, *mine)
        torch.testing.assert_close(answered, by_hand.mean())
        torch.testing.assert_close(stock[key], answered.detach())
    family.set_adversarial_loss(model, 'hinge')
    torch.testing.assert_close(model.gen_loss(fake)[0], -fake.mean())


@pytest.mark.parametrize('name', ['stylegan2', 'dcgan', 'cyclegan', 'srgan'])
def test_a_loss_that_cannot_be_exchanged(name):
    model = tiny.model(name)
    with pytest.raises(NotOffered, match='set_adversarial_loss'):
        families.of(model).set_adversarial_loss(model, 'bce')

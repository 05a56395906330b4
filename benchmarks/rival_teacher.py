"""A training step with a teacher, written out in plain torch.

What somebody would write who has one model and one teacher, and nothing to
configure: forward, loss, backward, step. It draws the numbers that MMagic
draws, in its order, so that the weights can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['FEATURE', 'GUIDE', 'Paired', 'Sampled', 'adversarial']

GUIDE, FEATURE = 0.1, 0.2
"""Weights of the teacher's adversarial term and of its features."""


def _hinge(logits: Tensor, kind: str) -> Tensor:
    if kind == 'generator':
        return -logits.mean()
    return F.relu(1 + logits if kind == 'fake' else 1 - logits).mean()


def _soft(logits: Tensor, kind: str) -> Tensor:
    return F.softplus(logits if kind == 'fake' else -logits).mean()


def _vanilla(logits: Tensor, kind: str) -> Tensor:
    target = torch.zeros_like if kind == 'fake' else torch.ones_like
    return F.binary_cross_entropy_with_logits(logits, target(logits))


def adversarial(model: nn.Module) -> Callable[[Tensor, str], Tensor]:
    """The GAN loss of a stock model: (logits, kind) → scalar."""
    name = type(model).__name__
    return {'StyleGAN2': _soft, 'Pix2Pix': _vanilla}.get(name, _hinge)


class _Plain:
    """One model, one teacher.

    Args:
        model: The stock model.
        optimizers: Of the generator and of the discriminator.
        teacher: The twin networks, frozen, by ``'generator'`` and
            ``'discriminator'``.
        features: Module paths of the generator whose outputs are compared;
            without any, the teacher's discriminator judges.
    """

    def __init__(self, model: nn.Module,
                 optimizers: tuple[torch.optim.Optimizer, ...],
                 teacher: dict[str, nn.Module],
                 features: list[str]) -> None:
        self.model, self.teacher = model, teacher
        self.generator, self.discriminator = self._networks(model)
        self.optimizers = optimizers
        self.loss = adversarial(model)
        self._seen: dict[str, list[Tensor]] = {'student': [], 'teacher': []}
        self._by_features = bool(features)
        for who, network in (('student', self.generator),
                             ('teacher', teacher['generator'])):
            for path in features:
                network.get_submodule(path).register_forward_hook(
                    self._keep(who))

    def _networks(self, model: nn.Module) -> tuple[nn.Module, nn.Module]:
        return model.generator, model.discriminator

    def _keep(self, who: str) -> Callable[..., None]:

        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            # The next activation may work in place; without the copy the
            # gradients would be summed in another order besides.
            self._seen[who].append(output.clone())

        return hook

    def _update(self, which: int, loss: Tensor) -> None:
        loss.backward()
        self.optimizers[which].step()
        self.optimizers[which].zero_grad()

    def _taught(self, judged: Callable[[nn.Module], Tensor],
                made: Callable[[nn.Module], Tensor]) -> Tensor:
        """The teacher's weighted term in a generator's turn."""
        if not self._by_features:
            logits = judged(self.teacher['discriminator'])
            return GUIDE * self.loss(logits, 'generator')
        self._seen['teacher'].clear()
        with torch.no_grad():
            made(self.teacher['generator'])
        return FEATURE * sum(
            F.l1_loss(own, other) for own, other in zip(
                self._seen['student'], self._seen['teacher']))


class Sampled(_Plain):
    """Images from noise, with or without labels."""

    def __call__(self, data: dict[str, Any]) -> None:
        """Make one update of each network."""
        model, judge = self.model, self.discriminator
        samples = model.data_preprocessor(data, True)['data_samples']
        real, size = samples.gt_img, len(samples)
        labels = (dict(label=model.data_sample_to_label(samples))
                  if hasattr(model, 'label_fn') else {})

        noise, wanted = self._draw(size, bool(labels))
        with torch.no_grad():
            fake = self.generator(noise, return_noise=False, **wanted)
        loss = self.loss(judge(fake, **wanted), 'fake')
        self._update(1, loss + self.loss(judge(real, **labels), 'real'))

        judge.requires_grad_(False)
        noise, wanted = self._draw(size, bool(labels))
        self._seen['student'].clear()
        fake = self.generator(noise, return_noise=False, **wanted)
        loss = self.loss(judge(fake, **wanted), 'generator')
        self._update(0, loss + self._taught(
            lambda twin: twin(fake, **wanted),
            lambda twin: twin(noise, return_noise=False, **wanted)))
        judge.requires_grad_(True)

    def _draw(self, size: int, labelled: bool) -> tuple[Any, dict[str, Any]]:
        noise = self.model.noise_fn(num_batches=size)
        return noise, (dict(label=self.model.label_fn(num_batches=size))
                       if labelled else {})


class Paired(_Plain):
    """Pix2Pix: an image from an image, judged with its source."""

    def _networks(self, model: nn.Module) -> tuple[nn.Module, nn.Module]:
        domain = model._default_domain
        return model.generators[domain], model.discriminators[domain]

    def __call__(self, data: dict[str, Any]) -> None:
        """Make one update of each network."""
        model, judge = self.model, self.discriminator
        inputs = model.data_preprocessor(data, True)['inputs']
        domain = model._default_domain
        other, = model.get_other_domains(domain)
        source, target = inputs[f'img_{other}'], inputs[f'img_{domain}']

        self._seen['student'].clear()
        fake = self.generator(source)
        pair = torch.cat((source, fake), 1)
        loss = self.loss(judge(pair.detach()), 'fake')
        loss = loss + self.loss(judge(torch.cat((source, target), 1)), 'real')
        self._update(1, 0.5 * loss)

        judge.requires_grad_(False)
        pair = torch.cat((source, fake), 1)
        loss = self.loss(judge(pair), 'generator')
        loss = loss + model.pixel_loss_weight * F.l1_loss(target, fake)
        self._update(0, loss + self._taught(
            lambda twin: twin(pair), lambda twin: twin(source)))
        judge.requires_grad_(True)

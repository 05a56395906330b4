"""The teacher's discriminator judges the student's images: DGL-GAN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..registry import LOSS_TERMS
from ..step import Step
from ..taps import first_tensor
from ..term import LossTerm

__all__ = ['TeacherAdversarialLoss']


@LOSS_TERMS.register_module()
class TeacherAdversarialLoss(LossTerm):
    """λ · Adv(G, D̄): DGL-GAN, Eq. 4.

    The very images that the student's discriminators judge in this turn,
    with the same labels and conditions, in the form of the student's own
    adversarial loss. Gradient goes through D̄ to the images. Several
    discriminators are summed, as in the stock loss.

    The log has the mean score of the teacher and of the student beside the
    value: a teacher's score that rises above zero early is how divergence
    begins (Fig. 6b).

    Args:
        loss_weight: λ, 0.1 in the paper (§4.1, §4.2).
        adaptive: Weight each image by how far below zero D̄ puts it, none
            where it is above; an option of the official code.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    asks = {'generator': ('discriminator', )}

    def __init__(self,
                 loss_weight: float = 0.1,
                 adaptive: bool = False,
                 **options: Any) -> None:
        super().__init__(loss_weight, **options)
        if not isinstance(adaptive, bool):
            raise ValueError('adaptive is True or False')
        self.adaptive = adaptive

    def settings(self) -> dict[str, Any]:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return {**super().settings(), 'adaptive': self.adaptive}

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        total, scores = [], []
        for call in step.judged_calls():
            logits = first_tensor(step.replay(call, self.teacher).output)
            total.append(
                self._adaptive(step, logits) if self.adaptive else step.
                adversarial_loss(logits, for_generator=True, real=False))
            scores.append((logits, first_tensor(call.output)))
        for who, which in (('teacher', 0), ('student', 1)):
            step.note(
                f'{who}_score',
                torch.stack([pair[which].detach().float().mean()
                             for pair in scores]).mean())
        return torch.stack(total).sum()

    def _adaptive(self, step: Step, logits: Tensor) -> Tensor:
        weights = (-logits.detach()).flatten(1).mean(1).clamp(min=0)
        rows = torch.stack([
            step.adversarial_loss(row, for_generator=True, real=False)
            for row in logits.split(1)
        ])
        return (weights * rows).mean()

"""The student's discriminator is to score like the teacher's."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgancomp.families.calls import Call

from ..registry import LOSS_TERMS
from ..step import Step
from ..taps import first_tensor, full_precision
from ..term import LossTerm

__all__ = [
    'DiscriminatorKDLoss', 'DiscriminatorOutputLoss',
    'TeacherLabelSmoothingLoss'
]


class _Scores(LossTerm):
    """Both discriminators' logits for the batches of this turn."""

    places = ('discriminator', )
    asks = {'discriminator': ('discriminator', )}

    def _scores(self, step: Step) -> list[tuple[list[Tensor], list[Tensor]]]:
        """Per discriminator: the student's and the teacher's, real, fake."""
        fakes, reals = step.fakes(), step.reals()

        def logits(call: Call) -> Tensor:
            return full_precision(first_tensor(call.output))

        pairs = [(reals[name], fakes[name]) for name in fakes]
        return [([logits(call) for call in pair],
                 [logits(step.replay(call, self.teacher)) for call in pair])
                for pair in pairs]


@LOSS_TERMS.register_module()
class DiscriminatorOutputLoss(_Scores):
    """γ · [CE(σ(D̄(x)), σ(D(x))) + CE(σ(D̄(x̂)), σ(D(x̂)))]: D-out.

    DGL-GAN, Eq. 9 and 12: binary cross-entropy against the teacher's
    probability, on reals and on fakes, each with its own logits.

    Args:
        loss_weight: γ, 0.2 as the other terms of the paper's Fig. 9.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    def __init__(self, loss_weight: float = 0.2, **options: Any) -> None:
        super().__init__(loss_weight, **options)

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return sum(
            F.binary_cross_entropy_with_logits(own, other.sigmoid())
            for student, teacher in self._scores(step)
            for own, other in zip(student, teacher))


@LOSS_TERMS.register_module()
class DiscriminatorKDLoss(_Scores):
    """mean P̄ · (log P̄ − log(P + 1e-10)), P = [σ(D), 1 − σ(D)].

    The distillation of IMPGDKD in GAN Lottery Tickets. Reals and fakes are
    stacked; the mean is over all elements of the 2N × 2 table, half of the
    divergence per image.

    Args:
        loss_weight: 1 in the official code.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    def __init__(self, loss_weight: float = 1., **options: Any) -> None:
        super().__init__(loss_weight, **options)

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return sum(
            _divergence(torch.cat(student), torch.cat(teacher))
            for student, teacher in self._scores(step))


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    target = torch.stack([teacher, -teacher], -1)
    own = torch.stack([student, -student], -1).sigmoid()
    return (target.sigmoid() *
            (F.logsigmoid(target) - torch.log(own + 1e-10))).mean()


@LOSS_TERMS.register_module()
class TeacherLabelSmoothingLoss(_Scores):
    """(1 − σ(D̄(x̂))) · sp(D(x̂)) + σ(D̄(x)) · sp(−D(x)), sp: softplus.

    The discriminator's loss with the teacher's probabilities for labels: a
    fake that the teacher takes for real counts less, and so does a real that
    it takes for a fake. It is what the released launcher of DGL-GAN happens
    to have on (official code, ``loss.py``), not the paper's method.

    What is added is its distance from the stock GAN loss for the same
    scores. So ``loss_weight`` leads from the stock labels, at 0, to the
    teacher's, at 1, and penalties of the stock loss stay, as in the code.

    Args:
        loss_weight: 1 in the official code.
        replace_stock: Where it is True the value is the formula itself, and
            penalties of the stock loss go with the loss.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    def __init__(self, loss_weight: float = 1., **options: Any) -> None:
        super().__init__(loss_weight, **options)

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        scores = self._scores(step)
        loss = step.family.discriminator_loss_weight * sum(
            _smoothed(student, teacher) for student, teacher in scores)
        step.note('loss', loss)
        if self.replace_stock:
            return loss
        return loss - step.family.discriminator_loss_weight * sum(
            step.family.discriminator_loss(step.model, fake, real)
            for (real, fake), _ in scores)


def _smoothed(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    (real, fake), (label, other) = student, teacher
    return ((1 - other.sigmoid()) * F.softplus(fake)).mean() + (
        label.sigmoid() * F.softplus(-real)).mean()

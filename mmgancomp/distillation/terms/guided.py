"""The student's discriminator learns from the teacher's images: GGL."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..registry import LOSS_TERMS
from ..step import Step
from ..term import LossTerm

__all__ = ['TeacherGeneratedLoss']


@LOSS_TERMS.register_module()
class TeacherGeneratedLoss(LossTerm):
    """λ · the discriminator's loss on Ḡ(z) as fakes: DGL-GAN's GGL, Eq. 13.

    Ḡ is called with what the student's generator was called with in this
    turn. With :class:`TeacherAdversarialLoss` in the generator's loss this
    is GDGL, Eq. 14. Discriminators are summed; their running statistics
    and spectral-norm vectors do not move by it.

    Args:
        loss_weight: λ, 0.1 as in the paper.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    places = ('discriminator', )
    asks = {'discriminator': ('generator', )}

    def __init__(self, loss_weight: float = 0.1, **options: Any) -> None:
        super().__init__(loss_weight, **options)

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        scores = step.family.judgements(step.model,
                                        step.reference(self.teacher))
        return sum(
            step.adversarial_loss(logits, for_generator=False, real=False)
            for logits in scores.values())

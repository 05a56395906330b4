"""The student's discriminator learns from the teacher's images: GGL."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..registry import LOSS_TERMS
from ..step import Step
from ..taps import first_tensor
from ..term import LossTerm

__all__ = ['TeacherGeneratedLoss']


@LOSS_TERMS.register_module()
class TeacherGeneratedLoss(LossTerm):
    """λ · the discriminator's loss on Ḡ(z) as fakes: DGL-GAN's GGL, Eq. 13.

    Ḡ is called with what the student's generator was called with in this
    turn. With :class:`TeacherAdversarialLoss` in the generator's loss this
    is GDGL, Eq. 14. Discriminators are summed; their running statistics
    and spectral-norm vectors do not move by it.

    With ``as_real`` the teacher's images stand for the real ones: the value
    is the whole loss of a discriminator that tells the student's images
    from the teacher's, as in rows j and k of Self-Supervised GAN
    Compression, Table 1. Penalties of the stock loss are no part of it.

    Args:
        loss_weight: λ, 0.1 as in the paper; 1 with ``as_real``.
        as_real: Whether the teacher's images count as real.
        replace_stock: True with ``as_real``, as in the table; else False.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    places = ('discriminator', )
    asks = {'discriminator': ('generator', )}

    def __init__(self,
                 loss_weight: float | None = None,
                 as_real: bool = False,
                 replace_stock: bool | None = None,
                 **options: Any) -> None:
        if not isinstance(as_real, bool):
            raise ValueError('as_real is True or False')
        if loss_weight is None:
            loss_weight = 1. if as_real else 0.1
        if replace_stock is None:
            replace_stock = as_real
        super().__init__(loss_weight, replace_stock=replace_stock, **options)
        self.as_real = as_real

    def settings(self) -> dict[str, Any]:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return {**super().settings(), 'as_real': self.as_real}

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        scores = step.family.judgements(step.model,
                                        step.reference(self.teacher))
        if self.as_real:
            own = step.fakes()
            return step.family.discriminator_loss_weight * sum(
                step.family.discriminator_loss(
                    step.model, first_tensor(own[name].output), logits)
                for name, logits in scores.items())
        return sum(
            step.adversarial_loss(logits, for_generator=False, real=False)
            for logits in scores.values())

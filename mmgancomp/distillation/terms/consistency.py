"""The student's losses are to be the teacher's: self-supervised GANs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmgancomp.errors import ConfigError
from mmgancomp.families.calls import Objective

from ..registry import LOSS_TERMS
from ..step import Step
from ..taps import full_precision
from ..term import Binding, LossTerm

__all__ = ['NormalisedConsistencyLoss', 'normalised_distance']


def normalised_distance(reference: Mapping[str, Objective],
                        student: Mapping[str, Objective],
                        floor: float) -> Tensor:
    """Σ w · |reference − student| / max(|reference|, floor).

    Args:
        reference: Terms of a loss with the teacher's images; detached.
        student: The same terms with the student's.
        floor: The least denominator.
    """
    total: Any = 0.
    for name, (weight, value) in student.items():
        target = full_precision(reference[name].value.detach())
        total = total + weight * (target - full_precision(value)).abs() / (
            target.abs().clamp(min=floor))
    return total


@LOSS_TERMS.register_module()
class NormalisedConsistencyLoss(LossTerm):
    """L_GC + λ · L_DC: Self-Supervised GAN Compression, §4, Eq. 1–9.

    Each scalar term of the stock generator loss, and of the stock
    discriminator loss, is evaluated once with the student's images and once
    with those of the frozen original generator from the same inputs, both
    times by the student's present discriminator; their distance is divided
    by the reference.

    In the generator's loss the discriminator is not moved by it, and goes
    on with its own. In the discriminator's loss it is another treatment
    that the paper leaves room for, in which D minimises L as well: of L_GC
    then the adversarial terms count, which are all that asks a
    discriminator; the gradient is that of its scores for the student's
    images, while the reference, and the scores of real images, which are
    the same on both sides, hold still.

    Args:
        loss_weight: What the whole is multiplied by.
        discriminator_weight: λ, 0.5 in the paper (§5).
        floor: The least denominator. An adversarial term may be close to
            zero, and single gradients are then hundreds of times the
            median; with 0.1, our choice, they are not.
        replace_stock: True by default, as in the paper: this is the loss,
            in place of the stock one and its penalties.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    places = ('generator', 'discriminator')
    asks = dict.fromkeys(places, ('generator', ))

    def __init__(self,
                 loss_weight: float = 1.,
                 discriminator_weight: float = 0.5,
                 floor: float = 0.1,
                 replace_stock: bool = True,
                 **options: Any) -> None:
        super().__init__(loss_weight, replace_stock=replace_stock, **options)
        if not _number(discriminator_weight):
            raise ValueError('discriminator_weight is a finite number')
        if not _number(floor) or floor <= 0:
            raise ValueError('floor is a number above 0')
        self.discriminator_weight = discriminator_weight
        self.floor = floor

    def bind(self, binding: Binding) -> None:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        super().bind(binding)
        about = binding.unanswerable.get('discriminator_objectives')
        if about and self.discriminator_weight:
            raise ConfigError.at(
                binding.key('discriminator_weight'),
                self.discriminator_weight,
                f'{about} cannot be evaluated for other images than those '
                'of the step; write 0, which leaves L_GC alone')

    def settings(self) -> dict[str, Any]:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return {
            **super().settings(), 'discriminator_weight':
            self.discriminator_weight,
            'floor': self.floor
        }

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        student, reference = step.student(), step.reference(self.teacher)
        ask = (
            step.family.generator_objectives if step.place == 'generator' else
            step.family.adversarial_objectives)
        loss = normalised_distance(
            ask(step.model, reference), ask(step.model, student), self.floor)
        step.note('generator', loss)
        if self.discriminator_weight:
            ask = step.family.discriminator_objectives
            other = normalised_distance(
                ask(step.model, reference), ask(step.model, student),
                self.floor)
            step.note('discriminator', other)
            loss = loss + self.discriminator_weight * other
        return loss


def _number(value: Any) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value))

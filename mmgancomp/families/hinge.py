"""Models whose hinge loss stands in two methods, and can be another one."""

from __future__ import annotations

from torch import Tensor, nn

from . import losses
from .base import bare
from .gan import BaseGANFamily

__all__ = ['HingeGANFamily']

_CHOSEN = 'mmgancomp_adversarial_loss'


class HingeGANFamily(BaseGANFamily):
    """BigGAN, SAGAN and SNGAN: ``gen_loss`` and ``disc_loss`` of scores."""

    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        """See :meth:`Family.adversarial_loss`."""
        model = bare(model)
        losses.check_unchanged(self, model, 'gen_loss', 'disc_loss')
        chosen = vars(model).get(_CHOSEN, losses.hinge)
        return chosen(logits, for_generator, real)

    def set_adversarial_loss(self, model: nn.Module, name: str) -> str:
        """See :meth:`Family.set_adversarial_loss`."""
        model = bare(model)
        losses.check_unchanged(self, model, 'gen_loss', 'disc_loss',
                               question='set_adversarial_loss')
        loss = losses.BY_NAME[name]

        def gen_loss(disc_pred_fake: Tensor) -> tuple[Tensor, dict]:
            return model.parse_losses(
                dict(loss_gen=loss(disc_pred_fake, True, False)))

        def disc_loss(disc_pred_fake: Tensor,
                      disc_pred_real: Tensor) -> tuple[Tensor, dict]:
            return model.parse_losses(
                dict(
                    loss_disc_fake=loss(disc_pred_fake, False, False),
                    loss_disc_real=loss(disc_pred_real, False, True)))

        for attribute, value in (('gen_loss', gen_loss),
                                 ('disc_loss', disc_loss), (_CHOSEN, loss)):
            # On the instance: the class stays the stock one.
            vars(model)[attribute] = value
        return 'hinge'

"""The hook that lets a model train with another adversarial loss."""

from __future__ import annotations

from typing import Any

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.families.base import NotOffered
from mmgancomp.families.losses import BY_NAME
from mmgancomp.registry import HOOKS

from .context import RunContext
from .hooks import CompressionHook
from .state import RunState

__all__ = ['AdversarialLossHook']

KEY = 'default_hooks.adversarial'


@HOOKS.register_module()
class AdversarialLossHook(CompressionHook):
    """Exchanges the adversarial loss of G and D where stock has it fixed::

        default_hooks = dict(adversarial=dict(
            type='mmgancomp.AdversarialLossHook', loss='bce'))

    A teacher's discriminator judges by it, too, and so does a search.

    Args:
        loss: ``'hinge'``, or ``'bce'``: the logarithmic loss that PPCD-GAN,
            Eq. 7, prints, with the generator's in its non-saturating form.
    """

    key = 'adversarial'

    def __init__(self, loss: str | None = None, **unknown: Any) -> None:
        self._loss, self._unknown = loss, unknown

    def prepare(self, context: RunContext) -> None:
        check_options(KEY, self._unknown, ['loss'])
        if self._loss not in BY_NAME:
            raise ConfigError.at(f'{KEY}.loss', self._loss,
                                 closest(str(self._loss), BY_NAME))
        try:
            self._stock = context.family.set_adversarial_loss(
                context.model, self._loss)
        except NotOffered as error:
            raise ConfigError.at(
                f'{KEY}.loss', self._loss, 'this model has its loss in its '
                f'own config, if it can be another one at all: {error}'
            ) from None

    def attach(self, state: RunState) -> None:
        """Nothing happens later on."""

    def begin(self, state: RunState) -> None:
        """Nothing happens later on."""

    def settings(self) -> dict[str, Any]:
        return {'loss': self._loss}

    def describe(self) -> list[dict[str, Any]]:
        return [{
            'mechanism': self.key,
            'loss': self._loss,
            'stock': self._stock
        }]

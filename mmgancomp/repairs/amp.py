"""Mixed precision in conditional GANs."""

from __future__ import annotations

from types import ModuleType

__all__ = ['keep_loss_scaler']


def keep_loss_scaler(module: ModuleType) -> None:
    """Read the loss scaler where the discriminator's turn overwrites it.

    The module's only call of ``setattr`` stands where ``getattr`` is meant,
    with the very arguments of ``getattr``, as the generator's turn has it.
    """
    module.setattr = getattr

"""The student's images are to be the teacher's: output distillation."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ..registry import LOSS_TERMS
from ..step import Step
from ..taps import first_tensor
from ..term import LossTerm

__all__ = ['OutputL1Loss']


@LOSS_TERMS.register_module()
class OutputL1Loss(LossTerm):
    """mean |G(z) − Ḡ(z)|, of the same latents, labels, sources and noise.

    «out» of DGL-GAN's G-inter (Table 8), and the distillation of row g in
    Self-Supervised GAN Compression (Table 1). Generators are summed.

    Args:
        loss_weight: Ours, 1: no paper gives one.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    asks = {'generator': ('generator', )}

    def __init__(self, loss_weight: float = 1., **options: Any) -> None:
        super().__init__(loss_weight, **options)

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return sum(
            F.l1_loss(
                first_tensor(call.output),
                first_tensor(step.replay(call, self.teacher).output))
            for call in step.generated().values())

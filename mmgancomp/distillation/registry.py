"""Names that a distillation config may use for its loss terms.

The registry has no parent: terms work on plain torch networks, without
MMagic and without a Runner.
"""

from __future__ import annotations

import re

from mmengine.registry import Registry

__all__ = ['LOSS_TERMS', 'snake_case']

LOSS_TERMS = Registry('loss term', scope='mmgancomp')


def snake_case(name: str) -> str:
    """``TeacherAdversarialLoss`` → ``teacher_adversarial_loss``."""
    words = re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_',
                   name)
    return words.lower()

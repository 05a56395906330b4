"""One turn of training as it was, and as it would be with a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .taps import first_tensor
from .teacher import Teacher

if TYPE_CHECKING:
    from .step import Step

__all__ = ['StudentScene', 'TeacherScene']


class _Scene:

    def __init__(self, step: Step) -> None:
        self._step = step

    def given(self, generator: str, nth: int) -> Tensor:
        """See :class:`~mmgancomp.families.calls.Scene`."""
        return self._step.generator_call(generator, nth).input

    def judged_real(self, discriminator: str) -> Tensor:
        """See :class:`~mmgancomp.families.calls.Scene`."""
        return self._step.judge_real(discriminator)

    def real(self, discriminator: str) -> Tensor:
        """See :class:`~mmgancomp.families.calls.Scene`."""
        return self._step.reals()[discriminator].input.detach()


class StudentScene(_Scene):
    """What was recorded.

    A discriminator may have been shown older images than those of this turn
    (CycleGAN's history); these are then judged now, with gradient.
    """

    def made(self, generator: str, nth: int,
             image: Tensor | None = None) -> Tensor:
        """See :class:`~mmgancomp.families.calls.Scene`."""
        return first_tensor(self._step.generator_call(generator, nth).output)

    def judged(self, discriminator: str, image: Tensor) -> Tensor:
        """See :class:`~mmgancomp.families.calls.Scene`."""
        step = self._step
        call = step.fakes()[discriminator]
        if step.place == 'generator' or _same(call.input, image):
            return first_tensor(call.output)
        return first_tensor(
            step.judge(discriminator, image.detach(), call, gradient=True))


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


class TeacherScene(_Scene):
    """The teacher's generators, judged by the student's discriminators.

    In the generator's turn nothing of it has a gradient; in the
    discriminator's, its judgements have one to the discriminator.
    """

    def __init__(self, step: Step, teacher: Teacher) -> None:
        super().__init__(step)
        self._teacher = teacher
        self._made: dict[tuple[str, int], Tensor] = {}
        self._judged: dict[str, Tensor] = {}

    def made(self, generator: str, nth: int,
             image: Tensor | None = None) -> Tensor:
        """See :class:`~mmgancomp.families.calls.Scene`."""
        key = generator, nth
        if key not in self._made:
            call = self._step.generator_call(generator, nth)
            self._made[key] = (
                first_tensor(self._step.replay(call, self._teacher).output)
                if image is None else self._step.run(self._teacher, call,
                                                     image))
        return self._made[key]

    def judged(self, discriminator: str, image: Tensor) -> Tensor:
        """See :class:`~mmgancomp.families.calls.Scene`."""
        if discriminator not in self._judged:
            self._judged[discriminator] = first_tensor(
                self._step.judge(
                    discriminator,
                    image,
                    self._step.fakes()[discriminator],
                    gradient=self._step.place == 'discriminator'))
        return self._judged[discriminator]

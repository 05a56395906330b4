"""What a loss term sees of one update."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.families.base import Family
from mmgancomp.families.calls import Call, Scene

from .recorder import Recorder
from .scene import StudentScene, TeacherScene
from .taps import RandomState, first_tensor, spared_buffers
from .teacher import Teacher

__all__ = ['Step']


class Step:
    """One loss that is about to be optimised, and the calls behind it.

    Args:
        model: The student, bare.
        family: Its family.
        recorder: Holds this iteration's calls.
        place: Whose loss it is, ``'generator'`` or ``'discriminator'``.

    Attributes:
        notes: Numbers for the log, beside the terms' own values.
    """

    def __init__(self, model: nn.Module, family: Family, recorder: Recorder,
                 place: str) -> None:
        self.model, self.family, self.place = model, family, place
        self._recorder = recorder
        self._replays: dict[tuple[str, Call], Call] = {}
        self._scenes: dict[str | None, Scene] = {}
        self._judged_real: dict[str, Tensor] = {}
        self.notes: dict[str, Tensor] = {}

    # -- calls -----------------------------------------------------------

    def _of(self, calls: list[Call], role: str) -> list[Call]:
        networks = self._recorder.networks
        return [c for c in calls if networks[c.network].role == role]

    def judged_calls(self) -> list[Call]:
        """Discriminators' calls on generated images, in this turn.

        In the generator's turn these are the calls that lead gradient back
        to it.
        """
        calls = self._of(self._recorder.turn, 'discriminator')
        if self.place == 'generator':
            found = [
                call for call in calls if isinstance(call.input, Tensor)
                and call.input.requires_grad
            ]
        else:
            found = [
                self.family.discriminator_calls(own)[0]
                for own in _by_network(calls).values()
            ]
        if not found:
            raise MMGanCompError(
                'no discriminator was shown generated images in this turn '
                f'of {type(self.model).__name__}; distillation by its '
                'discriminators needs a training step that does so')
        return found

    def fakes(self) -> dict[str, Call]:
        """Discriminator → its (first) call on generated images."""
        return {
            name: calls[0]
            for name, calls in _by_network(self.judged_calls()).items()
        }

    def reals(self) -> dict[str, Call]:
        """Discriminator → its call on this iteration's real images.

        Where the generator's turn comes first there was no such call, and
        the images alone are known.
        """
        if self.place == 'discriminator':
            calls = self._of(self._recorder.turn, 'discriminator')
        elif self._recorder.judged:
            calls = self._recorder.judged
        else:
            images = self.family.real_images(self.model, self._recorder.batch)
            return {name: Call(name, (real, ), {})
                    for name, real in images.items()}
        return {
            name: self.family.discriminator_calls(own)[1]
            for name, own in _by_network(calls).items()
        }

    def generator_call(self, name: str, nth: int) -> Call:
        """The nth call of a generator that this turn is about."""
        calls = self.family.generator_calls(
            self._usable(self._recorder.before),
            self._usable(self._recorder.turn))
        own = [call for call in calls if call.network == name]
        if nth >= len(own):
            raise MMGanCompError(
                f'{name} was called {len(own)} times before this update, '
                f'and call {nth + 1} is asked for; the family '
                f'{self.family.name!r} is mistaken about this training step')
        return own[nth]

    def _usable(self, calls: list[Call]) -> list[Call]:
        return [
            call for call in self._of(calls, 'generator')
            if self.family.replayable(call)
        ]

    def generated(self) -> dict[str, Call]:
        """Generator → the call whose image this turn is about."""
        return {
            name: self.generator_call(name, nth)
            for name, nth in self.family.main_calls(self.model).items()
        }

    # -- questions -------------------------------------------------------

    def replay(self, call: Call, teacher: Teacher) -> Call:
        """Run a call through a teacher's twin, once whoever asks.

        Gradient flows to the arguments of a discriminator in the
        generator's turn, and nowhere else.
        """
        key = teacher.name, call
        if key not in self._replays:
            gradient = (
                self.place == 'generator'
                and self._recorder.networks[call.network].role
                == 'discriminator')
            with self._recorder.paused():
                self._replays[key] = teacher.run(call, call.args, call.kwargs,
                                                 gradient)
        return self._replays[key]

    def judge(self, name: str, image: Tensor, like: Call,
              gradient: bool) -> Tensor:
        """Logits of the student's discriminator; it stays as it was.

        Args:
            name: Its name.
            image: What it is shown.
            like: A recorded call, for everything else that it is told.
            gradient: Whether the graph is kept.
        """
        module = self._recorder.networks[name].module
        args, kwargs = like.with_input(image)
        device = next((p.device for p in module.parameters()),
                      torch.device('cpu'))
        with self._recorder.paused(), spared_buffers(
                module), RandomState.isolated(device), torch.set_grad_enabled(
                    gradient):
            return module(*args, **kwargs)

    def judge_real(self, name: str) -> Tensor:
        """Logits for this iteration's reals by the present discriminator."""
        if name not in self._judged_real:
            call = self.reals()[name]
            self._judged_real[name] = self.judge(
                name, call.input.detach(), call, gradient=False)
        return self._judged_real[name]

    def adversarial_loss(self, logits: Any, for_generator: bool,
                         real: bool) -> Tensor:
        """The family's GAN loss for logits of whichever discriminator."""
        return self.family.adversarial_loss(
            self.model,
            first_tensor(logits),
            for_generator=for_generator,
            real=real)

    def student(self) -> Scene:
        """This turn as it was."""
        return self._scenes.setdefault(None, StudentScene(self))

    def reference(self, teacher: Teacher) -> Scene:
        """This turn as it would be with the teacher's generators."""
        if teacher.name not in self._scenes:
            self._scenes[teacher.name] = TeacherScene(self, teacher)
        return self._scenes[teacher.name]

    def run(self, teacher: Teacher, call: Call, image: Tensor) -> Tensor:
        """A teacher's generator on another image than the recorded one."""
        args, kwargs = call.with_input(image)
        with self._recorder.paused():
            return first_tensor(
                teacher.run(call, args, kwargs, gradient=False).output)

    def note(self, name: str, value: Tensor) -> None:
        """Log a number beside the terms' values."""
        self.notes[name] = value.detach()


def _by_network(calls: list[Call]) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for call in calls:
        found.setdefault(call.network, []).append(call)
    return found

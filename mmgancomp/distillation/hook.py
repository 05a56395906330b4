"""The hook that lets a teacher into the losses of a training run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from torch import Tensor

from mmgancomp.errors import check_options
from mmgancomp.registry import HOOKS
from mmgancomp.runtime.companion import CompanionOptimWrapper
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.state import RunState
from mmgancomp.runtime.update import Phase

from .cast import Cast, NamedTerm
from .loading import LoadedTeacher
from .settings import KEY, PLACES
from .step import Step
from .term import LossTerm
from .turns import watch
from .updated import UpdatedTeacher, follow

__all__ = ['DistillationHook']

OPTIONS = ('teacher', 'generator', 'discriminator', 'student_discriminator')


@HOOKS.register_module()
class DistillationHook(CompressionHook):
    """Adds terms of a teacher to the losses of a GAN.

    Declared by name under ``default_hooks``::

        default_hooks = dict(distillation=dict(
            type='mmgancomp.DistillationHook',
            teacher=dict(config='mmagic::…', checkpoint='….pth'),
            generator=dict(guide=dict(
                type='mmgancomp.TeacherAdversarialLoss', loss_weight=0.1))))

    Args:
        teacher: The teacher, or several by name. Of each:

            * ``config``: a config file, ``'mmagic::…'``, or a dict with the
              model; the run's own by default.
            * ``checkpoint``: a file, an address, or ``'snapshot:NAME'`` of
              this run.
            * ``ema``: whether its generator is the EMA copy. By default it
              is where the model keeps one.
            * ``noise``: ``'first'`` for a teacher that takes fewer latents
              than the student: it is given the first of them.
            * ``train``: whether its discriminators go on training, with the
              student's (an ablation). Its state is then saved.
            * ``optimizer``: theirs; by default like the student's
              discriminators'.
        generator: Terms of the generators' loss, by name or as a list. See
            :mod:`mmgancomp.distillation.terms`.
        discriminator: Terms of the discriminators' loss.
        student_discriminator: ``'trained'``; ``'frozen'``, where it stays
            as it was loaded; or ``'teacher'``, where the teacher's stand in
            its place and nothing trains them («single fixed D̄»).
            ``'teacher:NAME'`` says which teacher's.
    """

    key = 'distillation'

    def __init__(self,
                 teacher: Any = None,
                 generator: Any = None,
                 discriminator: Any = None,
                 student_discriminator: str = 'trained',
                 **unknown: Any) -> None:
        self._given = dict(
            teacher=teacher,
            terms=dict(generator=generator, discriminator=discriminator),
            student_discriminator=student_discriminator)
        self._unknown = unknown
        self._updated: dict[str, UpdatedTeacher] = {}
        self._companions: dict[str, CompanionOptimWrapper] = {}

    def prepare(self, context: RunContext) -> None:
        check_options(KEY, self._unknown, OPTIONS)
        self.cast = Cast(context, **self._given)
        for entry in self.cast.terms.values():
            context.terms[entry.name] = _setter(entry.term)

    # -- running ---------------------------------------------------------

    def attach(self, state: RunState) -> None:
        self._state = state
        cast, device = self.cast, self._device()
        for loaded in cast.teachers.values():
            if loaded.source() == 'address':
                loaded.load()
            loaded.teacher.to(device)
        cast.recorder.keep_random = any(
            'generator' in entry.term.asks[entry.place]
            for entry in cast.terms.values())
        cast.recorder.attach()
        cast.judge.attach()
        for entry in cast.terms.values():
            entry.term.to(device)
            parameters = list(entry.term.parameters())
            if parameters:
                self._companions[entry.name] = follow(
                    parameters, entry.term.optimizer,
                    f'{entry.key}.optimizer',
                    state.updates(cast.owner(entry.place)))
        for name, options in cast.options.items():
            if options.get('train'):
                self._train(name, options, state)
        for place in PLACES:
            self._wrap(place, state.updates(cast.owner(place)).wrapper)

    def _device(self) -> torch.device:
        return next(self.cast.context.model.parameters()).device

    def _train(self, name: str, options: dict[str, Any],
               state: RunState) -> None:
        cast, loaded = self.cast, self.cast.teachers[name]
        networks = cast.context.networks
        updates = state.updates(cast.owner('discriminator'))
        updated = UpdatedTeacher(loaded.teacher, [
            n for n in cast.asked(name)
            if networks[n].role == 'discriminator'
        ])
        self._companions[f'teacher {name}'] = follow(
            updated.parameters(), options.get('optimizer'),
            f'{loaded.key}.optimizer', updates)
        updates.on_update(Phase.COMPANIONS, updated.share_buffers)
        self._updated[name] = updated

    def _wrap(self, place: str, wrapper: OptimWrapper) -> None:
        family = self.cast.context.family
        generator = place == 'generator'

        def finish() -> None:
            for updated in self._updated.values():
                updated.teacher.freeze()
            self.cast.recorder.end_turn(place)

        watch(wrapper, lambda *loss: self._loss(place, *loss), finish,
              trains=generator or self.cast.judge.trains,
              losses=1 if generator else family.discriminator_losses)

    def _loss(self, place: str, loss: Tensor, last: bool = True) -> Tensor:
        """The loss that is optimised instead of the stock one.

        Of several losses of one turn the last one has the terms.
        """
        cast = self.cast
        clock = self._state.updates(cast.owner(place)).clock
        due = [e for e in cast.at(place) if e.term.counts_at(clock)]
        updated = self._updated if place == 'discriminator' else {}
        if not due and not updated:
            return loss
        replaced = any(entry.term.replace_stock for entry in due)
        if not last:
            return loss * 0 if replaced else loss
        parts = [] if replaced else [loss]
        # Some models leave mixed precision before they hand over the loss.
        with cast.recorder.precision:
            parts += self._added(place, due, updated)
        return sum(parts[1:], parts[0])

    def _added(self, place: str, due: list[NamedTerm],
               updated: dict[str, UpdatedTeacher]) -> list[Tensor]:
        """What the terms and the teachers that train add to a loss."""
        model, family = self.cast.context.model, self.cast.context.family
        step = Step(model, family, self.cast.recorder, place)
        parts = []
        for entry in due:
            self._make_ready(entry.teacher)
            step.notes.clear()
            value = entry.term(step)
            parts.append(entry.term.loss_weight * value)
            _log(entry.name, value, step.notes)
        for teacher in updated.values():
            parts.append(
                teacher.loss(model, family, step, self._state.runner.iter))
        return parts

    def _make_ready(self, loaded: LoadedTeacher) -> None:
        if not loaded.ready:
            loaded.load()
            loaded.teacher.to(self._device())

    def begin(self, state: RunState) -> None:
        for loaded in self.cast.teachers.values():
            if loaded is self.cast.judging or loaded.available():
                self._make_ready(loaded)

    def before_train_iter(self, runner: Any, batch_idx: int,
                          data_batch: Any = None) -> None:
        self.cast.judge.settle()
        self.cast.recorder.start()

    def after_train_iter(self, runner: Any, batch_idx: int,
                         data_batch: Any = None,
                         outputs: Any = None) -> None:
        # Recorded images hold the graph, and so the memory, of a step.
        self.cast.recorder.clear()

    # -- state -----------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        return self.cast.settings()

    def state_dict(self) -> dict[str, Any]:
        return {
            'terms': {
                name: entry.term.state_dict()
                for name, entry in self.cast.terms.items()
            },
            'companions': {
                name: companion.state_dict()
                for name, companion in self._companions.items()
            },
            'teachers': {
                name: updated.teacher.state_dict()
                for name, updated in self._updated.items()
            }
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, entry in self.cast.terms.items():
            entry.term.load_state_dict(state['terms'][name])
        for name, companion in self._companions.items():
            companion.load_state_dict(state['companions'][name])
        for name, updated in self._updated.items():
            updated.teacher.load_state_dict(state['teachers'][name])

    def describe(self) -> list[dict[str, Any]]:
        return self.cast.describe()


def _setter(term: LossTerm) -> Callable[[float], None]:

    def set_weight(weight: float) -> None:
        term.loss_weight = weight

    return set_weight


def _log(name: str, value: Tensor, notes: dict[str, Tensor]) -> None:
    hub = MessageHub.get_current_instance()
    hub.update_scalar(f'train/distill/{name}', value.detach().item())
    for note, number in notes.items():
        hub.update_scalar(f'train/distill/{name}/{note}', number.item())

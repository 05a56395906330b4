"""The hook that lets a teacher into the losses of a training run."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from torch import Tensor

from mmgancomp.errors import ConfigError, closest
from mmgancomp.registry import HOOKS
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.state import RunState
from mmgancomp.runtime.times import resolve_time
from mmgancomp.runtime.update import Phase

from .judge import MODES, StudentDiscriminator
from .loading import LoadedTeacher
from .recorder import Recorder
from .settings import KEY, PLACES, read_teachers, read_terms, teacher_key
from .step import Step
from .term import Binding, LossTerm
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
        self._given = teacher
        self._terms_given = dict(
            generator=generator, discriminator=discriminator)
        self._mode = student_discriminator
        self._unknown = unknown
        self._teachers: dict[str, LoadedTeacher] = {}
        self._updated: dict[str, UpdatedTeacher] = {}
        self._terms: dict[str, tuple[str, str, LossTerm]] = {}

    # -- checking --------------------------------------------------------

    def prepare(self, context: RunContext) -> None:
        for option, value in self._unknown.items():
            raise ConfigError.at(f'{KEY}.{option}', value, 'no such option; '
                                 + closest(option, OPTIONS))
        self._context = context
        options = read_teachers(self._given)
        self._options = options
        for place in PLACES:
            for name, (key, term) in read_terms(self._terms_given[place],
                                                place).items():
                if name in self._terms or name in context.terms:
                    raise ConfigError.at(
                        key, type(term).__name__,
                        f'another term is called {name!r}; a name is the '
                        "term's in the log and in stages, so each needs its "
                        'own')
                self._terms[name] = place, key, term
        for name, entry in options.items():
            self._teachers[name] = LoadedTeacher(
                name, entry, teacher_key(name, options, self._given), context)
        self._recorder = Recorder(context.networks)
        self._read_judge()
        self._check_use()
        for name, (place, key, term) in self._terms.items():
            self._bind(name, place, key, term)
            context.terms[name] = _setter(term)
        for name in self._teachers:
            self._teachers[name].needs(self._asked(name))

    def _read_judge(self) -> None:
        key, given = f'{KEY}.student_discriminator', self._mode
        mode, _, which = (
            given.partition(':') if isinstance(given, str) else (given, '',
                                                                 ''))
        if mode not in MODES or (which and mode != 'teacher'):
            raise ConfigError.at(key, given, 'no such treatment; ' +
                                 closest(str(given), MODES))
        teacher = (
            self._teacher_of(which or None, key, given)
            if mode == 'teacher' else None)
        if mode != 'trained':
            for _, where, term in self._of('discriminator').values():
                raise ConfigError.at(
                    where, type(term).__name__,
                    f'with student_discriminator={given!r} no discriminator '
                    'is trained, so a term of its loss would do nothing; '
                    'leave one of the two out')
        self._judging = teacher
        self._judge = StudentDiscriminator(mode, self._context.networks,
                                           teacher and teacher.teacher)

    def _of(self, place: str) -> dict[str, tuple[str, str, LossTerm]]:
        return {n: entry for n, entry in self._terms.items()
                if entry[0] == place}

    def _teacher_of(self, name: Any, key: str, value: Any) -> LoadedTeacher:
        if name is None and len(self._teachers) == 1:
            return next(iter(self._teachers.values()))
        if name not in self._teachers:
            what = ('there are several teachers; say which' if name is None
                    else 'no such teacher')
            raise ConfigError.at(key, value,
                                 f'{what}; {closest(str(name or ""), self._teachers)}')
        return self._teachers[name]

    def _check_use(self) -> None:
        """Each teacher and each option must do something."""
        if not self._terms and self._judge.trains:
            raise ConfigError.at(
                f'{KEY}.generator', self._terms_given['generator'],
                'name at least one loss term, like dict(guide=dict('
                "type='mmgancomp.TeacherAdversarialLoss'))")
        used = {
            self._teacher_of(term.teacher, f'{key}.teacher', term.teacher)
            for _, key, term in self._terms.values()
        } | {self._judging}
        for name, teacher in self._teachers.items():
            trains = bool(self._options[name].get('train'))
            if teacher not in used:
                raise ConfigError.at(
                    teacher.key, name, 'no term asks this teacher; leave it '
                    'out, or name it in a term')
            if trains and not self._judge.trains:
                raise ConfigError.at(
                    f'{teacher.key}.train', True,
                    'it would step with the discriminators of the student, '
                    'which do not train here; a single discriminator that '
                    'starts as the teacher\'s and trains is ordinary '
                    "training: build the model with it, and load its weights")
            if trains and 'discriminator' not in self._asked_roles(name):
                raise ConfigError.at(
                    f'{teacher.key}.train', True,
                    'no term asks its discriminators, so training them '
                    'would do nothing; leave it out')

    def _asked_roles(self, name: str) -> set[str]:
        roles = {
            role
            for place, key, term in self._terms.values()
            if self._teacher_of(
                getattr(term.teacher, 'name', term.teacher), key,
                term.teacher).name == name
            for role in term.asks[place]
        }
        if self._judging is self._teachers[name]:
            roles.add('discriminator')
        return roles

    def _asked(self, name: str) -> list[str]:
        roles = self._asked_roles(name)
        return [
            n for n, network in self._context.networks.items()
            if network.role in roles
        ]

    def _bind(self, name: str, place: str, key: str, term: LossTerm) -> None:
        context = self._context
        loaded = self._teacher_of(term.teacher, f'{key}.teacher',
                                  term.teacher)
        total = context.updates(self._owner(place))
        term.first = resolve_time(term.begin, total, f'{key}.begin')
        term.last = resolve_time(term.end, total, f'{key}.end')
        if not term.first < min(term.last, total):
            raise ConfigError.at(
                f'{key}.begin', term.begin,
                f'that is update {term.first}, and the term ends at update '
                f'{term.last} of {total}: it would never count')
        if term.end == 'end':
            # Steps that AMP skips make the clock stop short, not long.
            term.last = max(term.last, total + 1)
        self._roles_exist(term, place, key)
        seed = int.from_bytes(
            hashlib.blake2b(
                f'{context.seed}/{name}'.encode(), digest_size=4).digest(),
            'big')
        term.bind(
            Binding(name, place, context.networks, context.family,
                    self._recorder, loaded.teacher, seed,
                    lambda option: f'{key}.{option}'))
        if term.optimizer is not None and not list(term.parameters()):
            raise ConfigError.at(
                f'{key}.optimizer', dict(term.optimizer),
                'the term has no parameters here; leave the optimizer out')

    def _roles_exist(self, term: LossTerm, place: str, key: str) -> None:
        roles = {n.role for n in self._context.networks.values()}
        for role in (place, *term.asks[place]):
            if role not in roles:
                raise ConfigError.at(
                    f'{key}.type', type(term).__name__,
                    f'{type(self._context.model).__name__} has no {role}')

    def _owner(self, place: str) -> str:
        return next(n.optimizer for n in self._context.networks.values()
                    if n.role == place)

    # -- running ---------------------------------------------------------

    def attach(self, state: RunState) -> None:
        self._state = state
        context = self._context
        device = next(context.model.parameters()).device
        for teacher in self._teachers.values():
            if teacher.source() == 'address':
                teacher.load()
            teacher.teacher.to(device)
        self._recorder.keep_random = any(
            'generator' in term.asks[place]
            for place, _, term in self._terms.values())
        self._recorder.attach()
        self._judge.attach()
        self._companions = {}
        for name, (place, key, term) in self._terms.items():
            term.to(device)
            if list(term.parameters()):
                self._companions[name] = follow(
                    list(term.parameters()), term.optimizer,
                    f'{key}.optimizer', state.updates(self._owner(place)),
                    device)
        for name, options in self._options.items():
            if options.get('train'):
                self._train(name, options, state, device)
        for place in PLACES:
            self._wrap(place, state.updates(self._owner(place)).wrapper)

    def _train(self, name: str, options: dict[str, Any], state: RunState,
               device: torch.device) -> None:
        loaded = self._teachers[name]
        updates = state.updates(self._owner('discriminator'))
        judges = [n for n in self._asked(name) if self._context.networks[n].
                  role == 'discriminator']
        parameters = [
            p for n in judges
            for p in loaded.teacher.networks[n].parameters()
        ]
        companion = follow(parameters, options.get('optimizer'),
                           f'{loaded.key}.optimizer', updates, device)
        updated = UpdatedTeacher(loaded.teacher, companion)
        updates.on_update(Phase.COMPANIONS, updated.share_buffers)
        self._updated[name] = updated
        self._companions[f'teacher {name}'] = companion

    def _wrap(self, place: str, wrapper: OptimWrapper) -> None:
        inner = wrapper.update_params

        def update_params(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            if place == 'generator' or self._judge.trains:
                inner(self._loss(place, loss), *args, **kwargs)
            for updated in self._updated.values():
                updated.settle()
            self._recorder.end_turn(place)

        wrapper.update_params = update_params

    def _loss(self, place: str, loss: Tensor) -> Tensor:
        clock = self._state.updates(self._owner(place)).clock
        terms = {
            name: term
            for name, (_, _, term) in self._of(place).items()
            if term.counts_at(clock)
        }
        updated = self._updated if place == 'discriminator' else {}
        if not terms and not updated:
            return loss
        step = Step(self._context.model, self._context.family,
                    self._recorder, place)
        added = [] if any(t.replace_stock for t in terms.values()) else [loss]
        for name, term in terms.items():
            self._ready(term)
            step.notes.clear()
            value = term(step)
            added.append(term.loss_weight * value)
            self._log(name, value, step.notes)
        for teacher in updated.values():
            added.append(
                teacher.loss(self._context.model, self._context.family, step,
                             self._state.runner.iter))
        return sum(added[1:], added[0])

    def _ready(self, term: LossTerm) -> None:
        loaded = self._teachers[term.teacher.name]
        if not loaded.ready:
            loaded.load()
            loaded.teacher.to(next(self._context.model.parameters()).device)

    def _log(self, name: str, value: Tensor,
             notes: dict[str, Tensor]) -> None:
        hub = MessageHub.get_current_instance()
        hub.update_scalar(f'train/distill/{name}', value.detach().item())
        for note, number in notes.items():
            hub.update_scalar(f'train/distill/{name}/{note}', number.item())

    def begin(self, state: RunState) -> None:
        for teacher in self._teachers.values():
            path = teacher.path() if teacher.source() == 'snapshot' else None
            needed = teacher is self._judging
            if not teacher.ready and (needed or path and path.is_file()):
                teacher.load()

    def before_train_iter(self, runner: Any, batch_idx: int,
                          data_batch: Any = None) -> None:
        self._judge.settle()
        self._recorder.start()

    def after_train_iter(self, runner: Any, batch_idx: int,
                         data_batch: Any = None,
                         outputs: Any = None) -> None:
        # Recorded images hold the graph, and so the memory, of a step.
        self._recorder.clear()

    # -- state -----------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        return {
            'teachers': {
                name: {
                    'weights': loaded.identity(),
                    'ema': loaded.ema,
                    'train': bool(self._options[name].get('train'))
                }
                for name, loaded in self._teachers.items()
            },
            'terms': {
                name: {
                    'place': place,
                    'type': type(term).__name__,
                    'first_update': term.first,
                    'last_update': term.last,
                    'replace_stock': term.replace_stock
                }
                for name, (place, _, term) in self._terms.items()
            },
            'student_discriminator': self._mode
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            'terms': {
                name: term.state_dict()
                for name, (_, _, term) in self._terms.items()
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
        for name, (_, _, term) in self._terms.items():
            term.load_state_dict(state['terms'][name])
        for name, companion in self._companions.items():
            companion.load_state_dict(state['companions'][name])
        for name, updated in self._updated.items():
            updated.teacher.load_state_dict(state['teachers'][name])

    def describe(self) -> list[dict[str, Any]]:
        rows = [{
            'mechanism': self.key,
            'teacher': name,
            'family': loaded.family.name,
            'checkpoint': loaded.checkpoint,
            'checkpoint_read': loaded.ready,
            'trains': bool(self._options[name].get('train')),
            'networks': {
                twin: {
                    'params': sum(p.numel() for p in network.parameters()),
                    'student_params': sum(
                        p.numel() for p in self._context.networks[twin].
                        module.parameters())
                }
                for twin, network in loaded.teacher.networks.items()
            },
            'replaces_discriminator': loaded is self._judging
        } for name, loaded in self._teachers.items()]
        return rows + [{
            'mechanism': self.key,
            'term': name,
            'place': place,
            'type': type(term).__name__,
            'teacher': term.teacher.name,
            'weight': term.loss_weight,
            'begin': term.first,
            'end': min(term.last, self._context.updates(self._owner(place))),
            'replace_stock': term.replace_stock,
            **term.describe()
        } for name, (place, _, term) in self._terms.items()]


def _setter(term: LossTerm) -> Any:

    def set_weight(weight: float) -> None:
        term.loss_weight = weight

    return set_weight

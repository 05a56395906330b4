"""Who plays in a run: teachers, terms, and who judges; all of it checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmgancomp.errors import ConfigError, closest
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.times import resolve_time

from .judge import MODES, StudentDiscriminator
from .loading import LoadedTeacher
from .recorder import Recorder
from .settings import KEY, PLACES, read_teachers, read_terms, teacher_key
from .term import Binding, LossTerm

__all__ = ['Cast', 'NamedTerm']


@dataclass
class NamedTerm:
    """A loss term with its place in the config and in the run."""

    name: str
    place: str
    key: str
    term: LossTerm
    teacher: LoadedTeacher


class Cast:
    """Everything that a config names, built, checked and bound.

    Args:
        context: The run.
        teacher: What the config says about teachers.
        terms: Per place what it says about terms.
        student_discriminator: What becomes of the student's discriminators.

    Attributes:
        options: Options of each teacher.
        teachers: The teachers.
        terms: The terms by name.
        recorder: Records the student's calls.
        judge: The student's discriminators.
        judging: The teacher that judges in their place, if one does.

    Raises:
        ConfigError: The first thing that cannot work.
    """

    def __init__(self, context: RunContext, teacher: Any,
                 terms: dict[str, Any], student_discriminator: Any) -> None:
        self.context = context
        self.options = read_teachers(teacher)
        read = {place: read_terms(terms[place], place) for place in PLACES}
        self._no_namesakes(read)
        self.teachers = {
            name: LoadedTeacher(name, entry, teacher_key(name, teacher),
                                context)
            for name, entry in self.options.items()
        }
        self.terms = {
            name: NamedTerm(
                name, place, key, term,
                self._teacher(term.teacher, f'{key}.teacher', term.teacher))
            for place, found in read.items()
            for name, (key, term) in found.items()
        }
        self.recorder = Recorder(
            context.networks,
            getattr(context.model, 'data_preprocessor', None))
        self.judging: LoadedTeacher | None = None
        self.judge = self._read_judge(student_discriminator)
        self._check_use(terms['generator'])
        for name, loaded in self.teachers.items():
            loaded.check_roles(context, self._asked_roles(name))
        for entry in self.terms.values():
            self._bind(entry)
        for name, loaded in self.teachers.items():
            loaded.needs(self.asked(name))

    # -- who is who ------------------------------------------------------

    def at(self, place: str) -> Iterator[NamedTerm]:
        """The terms of one loss, in order."""
        return (e for e in self.terms.values() if e.place == place)

    def owner(self, place: str) -> str:
        """The optimizer of the networks that a loss trains."""
        return next(n.optimizer for n in self.context.networks.values()
                    if n.role == place)

    def asked(self, name: str) -> list[str]:
        """The networks of a teacher that somebody runs."""
        roles = self._asked_roles(name)
        return [
            n for n, network in self.context.networks.items()
            if network.role in roles
        ]

    def _asked_roles(self, name: str) -> set[str]:
        loaded = self.teachers[name]
        roles = {
            role
            for entry in self.terms.values() if entry.teacher is loaded
            for role in entry.term.asks[entry.place]
        }
        return roles | ({'discriminator'} if self.judging is loaded else
                        set())

    def _teacher(self, name: Any, key: str, value: Any) -> LoadedTeacher:
        if name is None and len(self.teachers) == 1:
            return next(iter(self.teachers.values()))
        if name not in self.teachers:
            what = ('there are several teachers; say which'
                    if name is None else 'no such teacher')
            raise ConfigError.at(
                key, value,
                f'{what}; {closest(str(name or ""), self.teachers)}')
        return self.teachers[name]

    # -- checks ----------------------------------------------------------

    def _no_namesakes(self, read: dict[str, Any]) -> None:
        taken = set(self.context.terms)
        for found in read.values():
            for name, (key, term) in found.items():
                if name in taken:
                    raise ConfigError.at(
                        key,
                        type(term).__name__,
                        f'another term is called {name!r}; a name is the '
                        "term's in the log and in stages, so each needs its "
                        'own')
                taken.add(name)

    def _read_judge(self, given: Any) -> StudentDiscriminator:
        key = f'{KEY}.student_discriminator'
        mode, _, which = (
            given.partition(':') if isinstance(given, str) else ('', '', ''))
        if mode not in MODES or (which and mode != 'teacher'):
            raise ConfigError.at(key, given, 'no such treatment; ' +
                                 closest(str(given), MODES))
        if mode == 'teacher':
            self.judging = self._teacher(which or None, key, given)
        for entry in self.at('discriminator') if mode != 'trained' else ():
            raise ConfigError.at(
                entry.key,
                type(entry.term).__name__,
                f'with student_discriminator={given!r} no discriminator is '
                'trained, so a term of its loss would do nothing; leave one '
                'of the two out')
        return StudentDiscriminator(
            mode, self.context.networks,
            None if self.judging is None else self.judging.teacher)

    def _check_use(self, given: Any) -> None:
        """Each teacher and each option must do something."""
        if not self.terms and self.judge.trains:
            raise ConfigError.at(
                f'{KEY}.generator', given, 'name at least one loss term, '
                "like dict(guide=dict(type='mmgancomp."
                "TeacherAdversarialLoss'))")
        for name, loaded in self.teachers.items():
            roles = self._asked_roles(name)
            if not roles:
                raise ConfigError.at(
                    loaded.key, name, 'no term asks this teacher; leave it '
                    'out, or name it in a term')
            if not self.options[name].get('train'):
                continue
            if not self.judge.trains:
                raise ConfigError.at(
                    f'{loaded.key}.train', True,
                    'it would step with the discriminators of the student, '
                    'which do not train here; a single discriminator that '
                    "starts as the teacher's and trains is ordinary "
                    'training: build the model with it, and load its weights')
            context = self.context
            penalty = context.family.unanswerable(context.model).get(
                'discriminator_penalty')
            if penalty:
                raise ConfigError.at(
                    f'{loaded.key}.train', True,
                    f'its discriminators would train without {penalty}, '
                    'which cannot be evaluated for a teacher; leave it out')
            if 'discriminator' not in roles:
                raise ConfigError.at(
                    f'{loaded.key}.train', True,
                    'no term asks its discriminators, so training them '
                    'would do nothing; leave it out')

    def _bind(self, entry: NamedTerm) -> None:
        context, term, key = self.context, entry.term, entry.key
        roles = {n.role for n in context.networks.values()}
        for role in (entry.place, *term.asks[entry.place]):
            if role not in roles:
                raise ConfigError.at(
                    f'{key}.type',
                    type(term).__name__,
                    f'{type(context.model).__name__} has no {role}')
        total = context.updates(self.owner(entry.place))
        term.first = resolve_time(term.begin, total, f'{key}.begin')
        term.last = resolve_time(term.end, total, f'{key}.end')
        if not term.first < min(term.last, total):
            raise ConfigError.at(
                f'{key}.begin', term.begin,
                f'that is update {term.first}, and the term ends at update '
                f'{term.last} of {total}: it would never count')
        seed = f'{context.seed}/{entry.name}'.encode()
        term.bind(
            Binding(
                entry.name, entry.place, context.networks, context.family,
                self.recorder, entry.teacher.teacher,
                int.from_bytes(
                    hashlib.blake2b(seed, digest_size=4).digest(), 'big'),
                lambda option: f'{key}.{option}',
                context.family.unanswerable(context.model)))
        if term.optimizer is not None and not list(term.parameters()):
            raise ConfigError.at(
                f'{key}.optimizer', dict(term.optimizer),
                'the term has no parameters here; leave the optimizer out')

    # -- what others are told --------------------------------------------

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        return {
            'teachers': {
                name: {
                    'weights': loaded.identity(),
                    'ema': loaded.ema,
                    'train': bool(self.options[name].get('train'))
                }
                for name, loaded in self.teachers.items()
            },
            'terms': {
                entry.name: {
                    'place': entry.place,
                    'type': type(entry.term).__name__,
                    'teacher': entry.teacher.name,
                    'first_update': entry.term.first,
                    'last_update': entry.term.last,
                    **entry.term.settings()
                }
                for entry in self.terms.values()
            },
            'student_discriminator': self.judge.mode
        }

    def describe(self) -> list[dict[str, Any]]:
        """Rows for ``mmgancomp plan``."""
        rows: list[dict[str, Any]] = [{
            'mechanism': 'distillation',
            'teacher': name,
            'family': loaded.family.name,
            'checkpoint': loaded.checkpoint,
            'checkpoint_read': loaded.ready,
            'trains': bool(self.options[name].get('train')),
            'judges': loaded is self.judging,
            'networks': {
                twin: {
                    'params':
                    _params(network),
                    'student_params':
                    _params(self.context.networks[twin].module)
                }
                for twin, network in loaded.teacher.networks.items()
            }
        } for name, loaded in self.teachers.items()]
        return rows + [{
            'mechanism': 'distillation',
            'term': entry.name,
            'place': entry.place,
            'type': type(entry.term).__name__,
            'teacher': entry.teacher.name,
            'weight': entry.term.loss_weight,
            'begin': entry.term.first,
            'end': entry.term.last,
            **entry.term.describe()
        } for entry in self.terms.values()]


def _params(network: Any) -> int:
    return sum(p.numel() for p in network.parameters())

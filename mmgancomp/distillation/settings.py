"""Read teachers and loss terms from a config."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

from mmgancomp.errors import (
    ConfigError,
    MMGanCompError,
    check_options,
    closest,
)

from .registry import LOSS_TERMS, snake_case
from .term import LossTerm

__all__ = ['KEY', 'PLACES', 'read_teachers', 'read_terms', 'teacher_key']

KEY = 'default_hooks.distillation'
PLACES = ('generator', 'discriminator')
TEACHER = ('config', 'checkpoint', 'ema', 'noise', 'train', 'optimizer')


def read_teachers(given: Any) -> dict[str, dict[str, Any]]:
    """Teachers by name, options checked for what stands in the config.

    Args:
        given: Options of the only teacher, which is then named
            ``'teacher'``, or a dict of such by name.

    Raises:
        ConfigError: If an option is unknown, of a wrong type or missing.
    """
    key = f'{KEY}.teacher'
    if not isinstance(given, Mapping) or not given:
        raise ConfigError.at(
            key, given, "write dict(config='mmagic::…', checkpoint='….pth'), "
            'or such a dict per name')
    single = any(option in given for option in TEACHER)
    teachers = {'teacher': given} if single else dict(given)
    for name, options in teachers.items():
        where = key if single else f'{key}.{name}'
        if not isinstance(options, Mapping):
            raise ConfigError.at(
                where, options, "write dict(config='mmagic::…', "
                "checkpoint='….pth')")
        check_options(where, options, TEACHER)
        checkpoint = options.get('checkpoint')
        if not isinstance(checkpoint, str) or not checkpoint:
            raise ConfigError.at(
                f'{where}.checkpoint', checkpoint,
                "name the teacher's checkpoint: a file, an address, or "
                "'snapshot:NAME' of this run")
        for option in ('ema', 'train'):
            value = options.get(option)
            if value is not None and not isinstance(value, bool):
                raise ConfigError.at(f'{where}.{option}', value,
                                     'write True or False')
        if options.get('noise') not in (None, 'first'):
            raise ConfigError.at(
                f'{where}.noise', options['noise'],
                "write 'first', for a teacher that takes fewer latents than "
                'the student, or leave it out')
        if options.get('optimizer') is not None and not options.get('train'):
            raise ConfigError.at(
                f'{where}.optimizer', options['optimizer'],
                'a frozen teacher has none; write train=True, or leave the '
                'optimizer out')
    return {name: dict(options) for name, options in teachers.items()}


def teacher_key(name: str, given: Any) -> str:
    """The config key of a teacher.

    Args:
        name: Its name.
        given: As in :func:`read_teachers`.
    """
    single = any(option in given for option in TEACHER)
    return f'{KEY}.teacher' if single else f'{KEY}.teacher.{name}'


def read_terms(given: Any, place: str) -> dict[str, tuple[str, LossTerm]]:
    """Name → config key and term, for one of the two losses.

    Args:
        given: A dict by name, or a list; a term in a list is named by its
            type in snake case, repeats numbered from ``_2``.
        place: ``'generator'`` or ``'discriminator'``.

    Raises:
        ConfigError: If a type, an option or a value is wrong.
    """
    key = f'{KEY}.{place}'
    if given is None:
        return {}
    if isinstance(given, Mapping) and 'type' in given:
        raise ConfigError.at(
            key, dict(given), 'give the term a name: '
            f'{place}=dict(guide=dict(type={given["type"]!r}, …))')
    if isinstance(given, Mapping):
        entries = [(name, f'{key}.{name}', spec)
                   for name, spec in given.items()]
    elif isinstance(given, (list, tuple)):
        entries, seen = [], {}
        for index, spec in enumerate(given):
            name = snake_case(_bare_type(spec))
            seen[name] = seen.get(name, 0) + 1
            entries.append((name if seen[name] == 1 else
                            f'{name}_{seen[name]}', f'{key}.{index}', spec))
    else:
        raise ConfigError.at(
            key, given, 'write the terms as a dict by name, like '
            "dict(guide=dict(type='mmgancomp.TeacherAdversarialLoss'))")
    return {name: (where, _build(spec, where, place))
            for name, where, spec in entries}


def _bare_type(spec: Any) -> str:
    kind = spec.get('type') if isinstance(spec, Mapping) else spec
    kind = kind.__name__ if inspect.isclass(kind) else str(kind)
    return kind.removeprefix('mmgancomp.')


def _build(spec: Any, key: str, place: str) -> LossTerm:
    options = {'type': spec} if isinstance(spec, str) else spec
    if not isinstance(options, Mapping) or 'type' not in options:
        raise ConfigError.at(
            key, spec, 'write the term as dict(type=…, loss_weight=…); ' +
            closest(str(spec), LOSS_TERMS.module_dict))
    options = dict(options)
    name = _bare_type({'type': options.pop('type')})
    kind = LOSS_TERMS.get(name)
    if kind is None:
        raise ConfigError.at(
            f'{key}.type', spec['type'] if isinstance(spec, Mapping) else
            spec, 'no such loss term; ' + closest(
                name, LOSS_TERMS.module_dict))
    if place not in kind.places:
        raise ConfigError.at(
            f'{key}.type', name, f'this term is no part of a {place}\'s '
            f'loss; put it under {KEY}.{kind.places[0]}')
    accepted = {
        option
        for base in kind.__mro__ if issubclass(base, LossTerm)
        for option, parameter in inspect.signature(
            base.__init__).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD,
                                  parameter.VAR_POSITIONAL)
    } - {'self'}
    check_options(key, options, accepted, name)
    try:
        term = kind(**options)
    except MMGanCompError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError.at(key, dict(spec), str(error)) from error
    _check_common(term, key)
    return term


def _check_common(term: LossTerm, key: str) -> None:
    weight = term.loss_weight
    if isinstance(weight, bool) or not isinstance(
            weight, (int, float)) or not math.isfinite(weight):
        raise ConfigError.at(f'{key}.loss_weight', weight,
                             'write a finite number')
    if not isinstance(term.replace_stock, bool):
        raise ConfigError.at(f'{key}.replace_stock', term.replace_stock,
                             'write True or False')
    if term.optimizer is not None and not isinstance(
            term.optimizer, Mapping):
        raise ConfigError.at(f'{key}.optimizer', term.optimizer,
                             "write for example dict(type='Adam', lr=1e-3)")

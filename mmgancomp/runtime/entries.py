"""What of a config can be checked before anything is built."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmgancomp.errors import ConfigError, closest
from mmgancomp.registry import HOOKS, LOOPS, MODELS, SCOPE
from mmgancomp.repairs.reading import CheckpointError, read_checkpoint

from .context import Part, RunShape

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'check_entries', 'check_hooks', 'local_path', 'our_entries', 'our_loop',
    'run_length', 'run_shape'
]


def _entries(config: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hook entries of the config, with their keys."""
    for name, entry in (config.get('default_hooks') or {}).items():
        if isinstance(entry, dict):
            yield f'default_hooks.{name}', entry
    for i, entry in enumerate(config.get('custom_hooks') or []):
        if isinstance(entry, dict):
            yield f'custom_hooks.{i}', entry


def _known() -> dict[str, type]:
    HOOKS.import_from_location()
    return HOOKS.module_dict


def _type_name(entry: dict[str, Any]) -> str:
    """The type as a config writes it; configs may hold classes too."""
    kind = entry.get('type')
    for name, known in _known().items():
        if kind is known:
            return f'{SCOPE}.{name}'
    return kind if isinstance(kind, str) else ''


def our_entries(config: Config) -> list[dict[str, Any]]:
    """The hook entries of the config whose type is ours."""
    return [
        entry for _, entry in _entries(config)
        if _type_name(entry).startswith(f'{SCOPE}.')
    ]


def check_hooks(config: Config) -> None:
    """Check names and places of our hooks in a config.

    Raises:
        ConfigError: If a hook of our scope is unknown, has lost its scope
            or its type, or stands under another name than its own.
    """
    known = _known()
    for name, cls in known.items():
        own = getattr(cls, 'key', None)
        entry = (config.get('default_hooks') or {}).get(own)
        full = f'{SCOPE}.{name}'
        if own and entry is not None and not isinstance(entry, dict):
            raise ConfigError.at(f'default_hooks.{own}', entry,
                                 f'write dict(type={full!r}, …)')
        if own and entry and entry.get('type') is None:
            raise ConfigError.at(f'default_hooks.{own}.type', None,
                                 f'write type={full!r}')
    masks = any(_type_name(entry) == f'{SCOPE}.SparsityHook'
                for _, entry in _entries(config))
    for key, entry in _entries(config):
        kind = _type_name(entry)
        scope, _, name = kind.rpartition('.')
        if masks and name == 'EMAHook':
            raise ConfigError.at(
                f'{key}.type', kind,
                'its average would bring pruned weights back and takes their '
                'place in checkpoints; average by model.ema_config, as '
                "MMagic's GANs do")
        if scope != SCOPE:
            lost = not scope and HOOKS.get(name) is known.get(name)
            if name in known and (lost or difflib.SequenceMatcher(
                    None, scope, SCOPE).ratio() > 0.7):
                raise ConfigError.at(f'{key}.type', kind,
                                     f'write {f"{SCOPE}.{name}"!r}')
            continue
        if name not in known:
            raise ConfigError.at(
                f'{key}.type', kind, 'no such hook; ' +
                closest(kind, [f'{SCOPE}.{n}' for n in known]))
        _check_priority(entry, key)
        if known[name] is known.get('RunStateHook'):
            for option in set(entry) - {'type', 'priority'}:
                raise ConfigError.at(f'{key}.{option}', entry[option],
                                     f'{kind} has no options')
        own = getattr(known[name], 'key', None)
        if own is not None and key != f'default_hooks.{own}':
            raise ConfigError.at(
                key, kind, f'declare it as default_hooks.{own}: under this '
                'name it can be inherited and overridden')


def _check_priority(entry: dict[str, Any], key: str) -> None:
    from mmengine.runner.priority import Priority, get_priority
    if 'priority' in entry:
        try:
            get_priority(entry['priority'])
        except (KeyError, TypeError, ValueError):
            raise ConfigError.at(
                f'{key}.priority', entry['priority'],
                'write a number from 0 to 100, or ' +
                closest(str(entry['priority']),
                        Priority.__members__)) from None


def _check_model(config: Config) -> None:
    """Check the names of our builders, and of our networks' options."""
    MODELS.import_from_location()
    ours = [name for name, part in MODELS.module_dict.items()
            if part.__module__.startswith(f'{SCOPE}.')]
    for key, kind, entry in _types(config.get('model'), 'model'):
        scope, _, name = kind.rpartition('.')
        if scope == SCOPE and MODELS.get(name) is None:
            raise ConfigError.at(
                f'{key}.type', kind, 'no such network; ' +
                closest(kind, [f'{SCOPE}.{n}' for n in ours]))
        if not scope and name in ours:
            raise ConfigError.at(f'{key}.type', kind,
                                 f'write {f"{SCOPE}.{name}"!r}')
        if scope == SCOPE:
            _check_options(MODELS.get(name), entry, key)


def _check_options(kind: Any, entry: dict[str, Any], key: str) -> None:
    """Tell a misspelt option of a class, which Python would only trip over.

    Builders that pass options on check them themselves.
    """
    known = inspect.signature(kind).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    for option, value in entry.items():
        if option not in (*known, 'type'):
            raise ConfigError.at(f'{key}.{option}', value,
                                 f'no such option; {closest(option, known)}')


def _types(entry: Any,
           key: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if isinstance(entry, dict):
        if isinstance(entry.get('type'), str):
            yield key, entry['type'], entry
        for name, value in entry.items():
            yield from _types(value, f'{key}.{name}')


def check_entries(config: Config) -> None:
    """Check what MMEngine would only trip over later, or with a traceback.

    Raises:
        ConfigError: As :func:`check_hooks`; if a builder of ours is
            misspelt; if a run with one of our
            hooks has no length, or ``load_from`` cannot be read.
    """
    check_hooks(config)
    _check_model(config)
    if our_entries(config) or our_loop(config):
        run_length(config)
    path = local_path(config.get('load_from'))
    if path is None:
        return
    if not os.path.isfile(path):
        raise ConfigError.at(
            'load_from', config.load_from, 'there is no such file (looked '
            f'for {os.path.abspath(path)})')
    try:
        read_checkpoint(path, map_location='cpu')
    except (CheckpointError, OSError) as error:
        reason = str(error).removeprefix(f'{path}: ')
        raise ConfigError.at('load_from', config.load_from,
                             f'name a checkpoint; this {reason}') from error


def local_path(path: Any) -> str | None:
    """The path of a file on this machine, or None for an address."""
    if not path or '://' in str(path):
        return None
    return os.path.expanduser(str(path))


def run_length(config: Config) -> int:
    """The run's iterations.

    Raises:
        ConfigError: If the config does not say.
    """
    return run_shape(config).iterations


def run_shape(config: Config) -> RunShape:
    """The parts of the run, as its loop will make them.

    Raises:
        ConfigError: If the config does not say how long it is, or names a
            loop of our scope that there is not.
    """
    options = dict(config.get('train_cfg') or {})
    loop = our_loop(config)
    if loop is not None:
        return loop.read(options).shape
    length = options.get('max_iters')
    if type(length) is not int or length < 1:
        raise ConfigError.at(
            'train_cfg.max_iters', length,
            'write the number of iterations; MMagic trains GANs by iteration')
    return RunShape((Part(0, length), ))


def our_loop(config: Config) -> Any:
    """The class of the run's loop if it is one of ours, else None.

    Raises:
        ConfigError: If there is no loop of that name.
    """
    options = config.get('train_cfg') or {}
    LOOPS.import_from_location()
    known = LOOPS.module_dict
    kind = options.get('type')
    if kind in known.values():
        return kind
    if not isinstance(kind, str):
        return None
    scope, _, name = kind.rpartition('.')
    if scope == SCOPE and name in known:
        return known[name]
    if scope == SCOPE or name in known:
        raise ConfigError.at(
            'train_cfg.type', kind, 'no such loop; ' +
            closest(kind, [f'{SCOPE}.{n}' for n in known]))
    return None

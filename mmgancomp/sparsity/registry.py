"""Names that a sparsity config may use, and what they stand for.

These registries have no parent: masks work on plain torch networks, without
MMagic and without a Runner.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmengine.registry import Registry

from mmgancomp.errors import (
    ConfigError,
    MMGanCompError,
    check_options,
    closest,
)

__all__ = [
    'ALLOCATIONS', 'CRITERIA', 'GRANULARITIES', 'SCHEDULES', 'build_named'
]

CRITERIA = Registry('criterion', scope='mmgancomp')
ALLOCATIONS = Registry('allocation', scope='mmgancomp')
GRANULARITIES = Registry('granularity', scope='mmgancomp')
SCHEDULES = Registry('schedule', scope='mmgancomp')


def build_named(registry: Registry, spec: Any, key: str, kind: type) -> Any:
    """Build ``spec`` (a name, a dict with ``type``, or the object itself).

    Args:
        registry: One of the registries of this module.
        spec: For example ``'magnitude'`` or ``dict(type='AGP', end=0.5)``.
        key: The config key, for the error.
        kind: Base class of what the registry holds.

    Raises:
        ConfigError: If the name or one of its options is not known.
    """
    if isinstance(spec, kind):
        return spec
    known = registry.module_dict
    if not isinstance(spec, (str, Mapping)):
        raise ConfigError.at(
            key, spec, f'write the name of a {registry.name}, or dict(type=…) '
            f'with its options; {closest(str(spec), known)}')
    options = {'type': spec} if isinstance(spec, str) else dict(spec)
    given = options.pop('type', None)
    name = given.removeprefix('mmgancomp.') if isinstance(given,
                                                          str) else None
    if name not in known:
        raise ConfigError.at(
            key if isinstance(spec, str) else f'{key}.type', given,
            f'no such {registry.name}; {closest(str(given), known)}')
    accepted = inspect.signature(known[name]).parameters
    if all(p.kind is not p.VAR_KEYWORD for p in accepted.values()):
        check_options(key, options, accepted, name)
    try:
        return known[name](**options)
    except ConfigError:
        raise
    except (MMGanCompError, TypeError, ValueError) as error:
        raise ConfigError.at(key, spec, str(error)) from error

"""Names that a sparsity config may use, and what they stand for.

These registries have no parent: masks work on plain torch networks, without
MMagic and without a Runner.
"""

from __future__ import annotations

from typing import Any

from mmengine.registry import Registry

from mmgancomp.errors import ConfigError, closest

__all__ = [
    'ALLOCATIONS', 'CRITERIA', 'GRANULARITIES', 'SCHEDULES', 'build_named'
]

CRITERIA = Registry('criterion', scope='mmgancomp')
ALLOCATIONS = Registry('allocation', scope='mmgancomp')
GRANULARITIES = Registry('granularity', scope='mmgancomp')
SCHEDULES = Registry('schedule', scope='mmgancomp')


def build_named(registry: Registry, spec: Any, key: str) -> Any:
    """Build ``spec`` (a name, a dict with ``type``, or the object itself).

    Args:
        registry: One of the registries of this module.
        spec: For example ``'magnitude'`` or ``dict(type='AGP', end=0.5)``.
        key: The config key, for the error.

    Raises:
        ConfigError: If the name or one of its options is not known.
    """
    if isinstance(spec, str):
        spec = {'type': spec}
    if not isinstance(spec, dict):
        return spec
    options = dict(spec)
    name = options.pop('type', None)
    known = registry.module_dict
    if isinstance(name, str):
        name = name.removeprefix('mmgancomp.')
    if name not in known:
        raise ConfigError.at(
            key, spec.get('type'),
            f'no such {registry.name}; {closest(str(name), known)}')
    try:
        return known[name](**options)
    except TypeError as error:
        import inspect
        accepted = [
            p for p in inspect.signature(known[name]).parameters
            if p != 'self'
        ]
        unknown = sorted(set(options) - set(accepted))
        if not unknown:
            raise ConfigError.at(key, spec, str(error)) from error
        raise ConfigError.at(
            f'{key}.{unknown[0]}', options[unknown[0]],
            f'{name} has no such option; '
            f'{closest(unknown[0], accepted)}') from error

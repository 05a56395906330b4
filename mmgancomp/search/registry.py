"""Names that an edge of a cell may choose from.

The registries have no parent: supernets are plain torch networks. A plugin
adds an operation by registering a function or class here.
"""

from __future__ import annotations

from typing import Any

from mmengine.registry import Registry
from torch import nn

from mmgancomp.errors import ConfigError, closest

__all__ = ['NORMAL_OPERATIONS', 'UP_OPERATIONS', 'check_names',
           'check_sizes']

NORMAL_OPERATIONS = Registry('normal operation', scope='mmgancomp')
"""``build(inside, outside, affine)``: same resolution, (N, C, H, W).

``inside`` and ``outside`` are channels, ``affine`` says whether a norm has
weights: in a supernet it has none, in a derived network it has.
"""

UP_OPERATIONS = Registry('up-sampling operation', scope='mmgancomp')
"""``build(channels, factor)``: ``factor`` (2, 4, …) times the resolution."""


def check_names(registry: Registry, names: Any, key: str) -> tuple[str, ...]:
    """Check the candidates of an edge.

    Args:
        registry: One of this module's.
        names: The candidates' names.
        key: The config key, for the error.

    Raises:
        ConfigError: If there are none, or one is unknown or named twice.
    """
    if isinstance(names, str) or not isinstance(
            names, (list, tuple)) or not names:
        raise ConfigError.at(
            key, names, f'write a list of {registry.name}s; '
            + closest('', registry.module_dict))
    for name in names:
        if name not in registry.module_dict:
            raise ConfigError.at(
                key, name, f'no such {registry.name}; '
                + closest(str(name), registry.module_dict))
    if len(set(names)) < len(names):
        raise ConfigError.at(key, names, 'names an operation twice')
    return tuple(names)


def check_sizes(key: str, num_classes: int | None, **sizes: Any) -> None:
    """Check what a network of ours is built with.

    Args:
        key: The network's config key.
        num_classes: Must be none.
        **sizes: Options that must be whole numbers of at least 1.

    Raises:
        ConfigError: The first that is impossible.
    """
    if num_classes:
        raise ConfigError.at(
            'model.num_classes', num_classes,
            'searched networks take no labels; write num_classes=0')
    for name, value in sizes.items():
        if type(value) is not int or value < 1:
            raise ConfigError.at(f'{key}.{name}', value,
                                 'write a whole number, at least 1')


def build(registry: Registry, name: str, *options: Any) -> nn.Module:
    """Build one operation."""
    return registry.module_dict[name](*options)

"""Configs of the same networks with fewer channels."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .base import Family

__all__ = [
    'narrow_base', 'narrow_options', 'network_class', 'stock_class', 'width'
]


def network_class(config: Mapping[str, Any]) -> Any:
    """What the ``type`` of a network's config stands for.

    Args:
        config: The config; MMagic's own types need no scope.

    Returns:
        The registered class or function; None if there is none.
    """
    kind = config.get('type')
    if not isinstance(kind, str):
        return kind
    from mmgancomp.registry import MODELS
    return MODELS.get(kind)


def stock_class(family: Family, config: Mapping[str, Any],
                *names: str) -> type:
    """The class of a config's network if MMagic has it under these names.

    Subclasses of others count, as they are built with the same options.

    Raises:
        NotOffered: It is another class, or none.
    """
    kind = network_class(config)
    if inspect.isclass(kind) and any(
            base.__name__ in names and base.__module__.startswith('mmagic.')
            for base in kind.__mro__):
        return kind
    raise family.not_offered('narrow', str(config.get('type')))


def width(full: int, divisor: int) -> int:
    """A width divided, rounded down, but never none."""
    return max(1, full // divisor)


def narrow_base(kind: type, config: Mapping[str, Any],
                divisor: int) -> dict[str, Any]:
    """Divide ``base_channels``, of which a class makes all its widths."""
    return narrow_options(kind, config, divisor, 'base_channels')


def narrow_options(kind: type, config: Mapping[str, Any], divisor: int,
                   *names: str) -> dict[str, Any]:
    """Divide the options of a class that are widths.

    Args:
        kind: The class.
        config: Its config; what it leaves out has the class's default.
        divisor: What to divide by.
        *names: The options; those that the class does not have are skipped.
    """
    parameters = inspect.signature(kind).parameters
    narrowed = dict(config)
    for name in names:
        if name in parameters:
            full = config.get(name, parameters[name].default)
            narrowed[name] = width(full, divisor)
    return narrowed

"""Parameter names in checkpoints of multi-process runs."""

from __future__ import annotations

import inspect
import itertools
from collections import OrderedDict
from collections.abc import Collection, Mapping
from types import ModuleType

from .repair import replace_function

__all__ = ['stock_name', 'strip_replicas']


def stock_name(name: str, known: Collection[str]) -> str:
    """Leave out levels called 'module' until the model knows the name.

    ``generator_ema.module.conv.weight`` stays if the model has that name,
    ``generator.module.conv.weight`` becomes ``generator.conv.weight``; a
    name that leads nowhere is returned as it is.
    """
    if name in known:
        return name
    parts = name.split('.')
    levels = [i for i, part in enumerate(parts) if part == 'module']
    for count in range(1, len(levels) + 1):
        for leave in itertools.combinations(levels, count):
            shorter = '.'.join(part for i, part in enumerate(parts)
                               if i not in leave)
            if shorter in known:
                return shorter
    return name


def _renamed(state: Mapping, known: Collection[str]) -> OrderedDict:
    fresh = OrderedDict()
    for name, value in state.items():
        shorter = stock_name(name, known)
        # The wrapper's own entry gives way to that of what it wraps.
        if shorter != name or name not in fresh:
            fresh[shorter] = value
    return fresh


def strip_replicas(module: ModuleType) -> None:
    """Load names that a wrapper of several networks has lengthened."""

    signature = inspect.signature(module.load_state_dict)

    def repaired(wrapped, instance, args, kwargs):
        bound = signature.bind(*args, **kwargs)
        state = bound.arguments['state_dict']
        if any('module' in name.split('.') for name in state):
            own = module.get_state_dict(bound.arguments['module'])
            versions = getattr(state, '_metadata', None)
            state = _renamed(state, own)
            if versions is not None:
                state._metadata = _renamed(versions, own._metadata)
            bound.arguments['state_dict'] = state
        return wrapped(*bound.args, **bound.kwargs)

    replace_function(module, 'load_state_dict', repaired)

"""What is known about one repair, and how a function is replaced."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

__all__ = ['Repair', 'replace_function']


@dataclasses.dataclass
class Repair:
    """One fault of a package that is not ours, and what mends it.

    Args:
        name: What ``MMGANCOMP_NO_REPAIRS`` calls it.
        fault: What a user would meet without it, in one line.
        upstream: Issue or pull request that reports it, or 'none known'.
        module: The module it changes; it is applied when that is imported.
        versions: Requirements that must all hold, else it stays away.
        apply: Does the work, given the module.
        note: What the mended behaviour is, and its limits.
        status: 'applied', 'waiting for import of …', 'off (…)',
            'not needed: …', or 'failed: …'.
    """

    name: str
    fault: str
    upstream: str
    module: str
    versions: tuple[str, ...]
    apply: Callable[[ModuleType], None] = dataclasses.field(repr=False)
    note: str = ''
    status: str = 'not installed'


def replace_function(
        module: ModuleType, name: str,
        repaired: Callable[[Callable, Any, tuple, dict], Any]) -> Callable:
    """Put a wrapper in place of a function, wherever it is known.

    A module imported earlier may hold the function under its own name
    (``from … import …``), and that name has to change too.

    Args:
        module: The module that defines the function.
        name: Its name.
        repaired: Called as ``repaired(function, instance, args, kwargs)``.

    Returns:
        The new function.
    """
    original = getattr(module, name)
    wrapper = wrapt.FunctionWrapper(original, repaired)
    setattr(module, name, wrapper)
    for other in list(sys.modules.values()):
        if getattr(other, '__dict__', {}).get(name) is original:
            setattr(other, name, wrapper)
    return wrapper

"""Compression for MMagic's GANs, by config.

``import mmgancomp`` is cheap: it checks the versions of the libraries that
it stands on and imports none of them. A config that names a type with the
prefix ``mmgancomp.`` makes MMEngine import :mod:`mmgancomp.registry`, which
brings in the rest as it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .requirements import check
from .version import __version__

if TYPE_CHECKING:
    from .plugins import hookimpl

__all__ = ['__version__', 'hookimpl']

check()


def __getattr__(name: str) -> Any:
    if name == 'hookimpl':
        from .plugins import hookimpl
        return hookimpl
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

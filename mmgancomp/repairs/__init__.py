"""What stock MMagic and MMEngine get wrong on today's torch, mended.

One function per fault, applied when the module in question is first
imported (at once if it already is), so that :func:`install` itself imports
neither. Nothing else in this package changes code that is not its own.
Environment variable ``MMGANCOMP_NO_REPAIRS``: names, separated by commas,
of repairs to leave out, or ``all``.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
from types import ModuleType

import wrapt
from packaging.requirements import Requirement

from mmgancomp.errors import ConfigError, MMGanCompError, closest

from .catalogue import CATALOGUE
from .repair import Repair

__all__ = ['Repair', 'SWITCH', 'install', 'repairs']

SWITCH = 'MMGANCOMP_NO_REPAIRS'
"""Name of the environment variable that leaves repairs out."""

_installed = False


def repairs() -> list[Repair]:
    """Every repair with its present status, in the order of the docs."""
    return list(CATALOGUE)


def install() -> None:
    """Arrange for every repair that this machine needs.

    Calling it again changes nothing.

    Raises:
        ConfigError: ``MMGANCOMP_NO_REPAIRS`` holds an unknown name.
    """
    global _installed
    if _installed:
        return
    off = _switched_off()
    _installed = True
    for repair in CATALOGUE:
        if repair.name in off:
            repair.status = f'off ({SWITCH})'
        elif mismatch := _mismatch(repair.versions):
            repair.status = f'not needed: {mismatch}'
        else:
            repair.status = f'waiting for import of {repair.module}'
            wrapt.register_post_import_hook(
                functools.partial(_apply, repair), repair.module)


def _apply(repair: Repair, module: ModuleType) -> None:
    try:
        repair.apply(module)
    except Exception as error:
        repair.status = f'failed: {error}'
        raise MMGanCompError(
            f'the repair {repair.name!r} does not fit {repair.module} as '
            f'installed ({error}); {SWITCH}={repair.name} leaves it out'
        ) from error
    repair.status = 'applied'


def _switched_off() -> set[str]:
    names = {repair.name for repair in CATALOGUE}
    given = os.environ.get(SWITCH, '')
    off = {name.strip() for name in given.split(',') if name.strip()}
    for name in sorted(off - names - {'all'}):
        raise ConfigError.at(
            SWITCH, given, f'{name!r} is not a repair; '
            f'{closest(name, names | {"all"})}')
    return names if 'all' in off else off


def _mismatch(versions: tuple[str, ...]) -> str | None:
    """The first package that is absent or of another version, if any."""
    for text in versions:
        requirement = Requirement(text)
        version = _version(requirement.name)
        if version is None:
            return f'{requirement.name} is not installed'
        if not requirement.specifier.contains(version, prereleases=True):
            return f'{requirement.name} {version}'
    return None


@functools.cache
def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

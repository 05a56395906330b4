"""The one plugin manager, and the list of what it has loaded."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

import pluggy

from mmgancomp.errors import ConfigError, closest

__all__ = ['Command', 'PluginInfo', 'hookimpl', 'listing', 'manager']

PROJECT = 'mmgancomp'
"""Name of the pluggy project and of the entry-point group."""

BLOCK = 'MMGANCOMP_BLOCK_PLUGINS'
"""Environment variable: names of plugins to leave out, with commas."""

BUILT_IN = {
    # Asked in reverse order: the family that claims most comes first.
    f'{PROJECT}.{name}': f'{PROJECT}.families.{name}'
    for name in ('plain', 'srgan', 'pix2pix', 'cyclegan', 'sagan', 'biggan',
                 'stylegan2')
} | {f'{PROJECT}.searched': f'{PROJECT}.search.family'}
"""Plugin name -> module, of the plugins that ship with the package."""

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function as the implementation of a hook of mmgancomp.

See :mod:`mmgancomp.hookspecs` for the hooks.
"""


@dataclass(frozen=True)
class Command:
    """A command of the console command ``mmgancomp``.

    Attributes:
        name: The word after ``mmgancomp``.
        help: What it does, as a short phrase.
        add_arguments: Adds the command's arguments to its parser.
        run: Does it, given the parsed arguments; returns the exit code.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]


@dataclass(frozen=True)
class PluginInfo:
    """One row of :func:`listing`.

    Attributes:
        name: Name of the plugin: that of its entry point.
        origin: Distribution and version, or file of a built-in module.
        hooks: Names of the hooks it implements, sorted.
        status: ``'loaded'``, ``'blocked'`` or ``'broken'``.
        error: Why a broken plugin could not be loaded, else ``''``.
    """

    name: str
    origin: str
    hooks: tuple[str, ...] = ()
    status: str = 'loaded'
    error: str = ''


class _Loading:
    """The manager and its listing while, and after, they are made."""

    def __init__(self) -> None:
        from mmgancomp import hookspecs
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.infos: dict[str, PluginInfo] = {}
        self.register_afterwards = False

    def run(self) -> None:
        words = os.environ.get(BLOCK, '').split(',')
        blocked = {word.strip() for word in words} - {''}
        for name in blocked:
            self.manager.set_blocked(name)
        for name, module in BUILT_IN.items():
            self._add(name, *_built_in(name, module))
        for entry in entry_points(group=PROJECT):
            self._add(entry.name, entry.load, _distribution(entry))
        unknown = blocked - self.infos.keys()
        if unknown:
            name = sorted(unknown)[0]
            warnings.warn(
                f'{BLOCK} = {os.environ[BLOCK]!r}: there is no plugin '
                f'{name!r}; {closest(name, self.infos)}',
                stacklevel=2)

    def _add(self, name: str, load: Callable[[], object],
             origin: str) -> None:
        info = PluginInfo(name, origin)
        if name in self.infos:
            # The manager would silently skip the second of two.
            self._broken(f'{name} ({origin})', info,
                         f'{self.infos[name].origin} has a plugin of this '
                         'name')
        elif self.manager.is_blocked(name):
            self.infos[name] = replace(info, status='blocked')
        else:
            try:
                plugin = load()
            except Exception as error:
                self._broken(name, info, f'{type(error).__name__}: {error}')
            else:
                self.infos[name] = replace(
                    info, hooks=self._register(plugin, info))

    def _broken(self, key: str, info: PluginInfo, error: str) -> None:
        self.infos[key] = replace(info, status='broken', error=error)
        warnings.warn(
            f'plugin {info.name!r} of {info.origin} could not be loaded and '
            f'is left out: {error}',
            stacklevel=2)

    def _register(self, plugin: object, info: PluginInfo) -> tuple[str, ...]:
        try:
            self.manager.register(plugin, name=info.name)
            # Everything registered earlier has passed: a hook that no
            # specification knows is this plugin's.
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            known = ', '.join(
                sorted(name for name, caller in vars(self.manager.hook).items()
                       if caller.has_spec()))
            raise ConfigError(
                f'plugin {info.name!r} of {info.origin}: {error}; the hooks '
                f'are {known}. Until it is mended, {BLOCK}={info.name} leaves '
                'it out') from error
        hooks = self.manager.get_hookcallers(plugin) or ()
        return tuple(sorted(caller.name for caller in hooks))


def _built_in(name: str, module: str) -> tuple[Callable[[], object], str]:
    from importlib.util import find_spec
    spec = find_spec(module)
    origin = spec.origin if spec is not None and spec.origin else module
    return lambda: import_module(module), origin


def _distribution(entry: EntryPoint) -> str:
    if entry.dist is None:
        return entry.value
    return f'{entry.dist.name} {entry.dist.version}'


_loading: _Loading | None = None
_loaded: _Loading | None = None


def _load() -> _Loading:
    global _loading, _loaded
    if _loading is not None:  # a plugin asks while it is being imported
        return _loading
    if _loaded is None:
        _loading = _Loading()
        try:
            _loading.run()
            _loaded = _loading
        finally:
            _loading = None
        if _loaded.register_afterwards:
            _loaded.manager.hook.mmgancomp_register()
    return _loaded


def manager() -> pluggy.PluginManager:
    """The plugin manager with every plugin that is installed, made once.

    Built-in families are registered first, by the same road as those of
    others; then the entry points of group ``mmgancomp``. One that cannot be
    imported is warned about, listed and left out. Plugins named in the
    environment variable ``MMGANCOMP_BLOCK_PLUGINS`` are left out.

    Raises:
        ConfigError: A plugin implements a hook that does not exist, or with
            arguments that it does not have; the message names the plugin.
    """
    return _load().manager


def listing() -> list[PluginInfo]:
    """What was found, in the order of registration, whatever its status."""
    return list(_load().infos.values())


def register_components() -> None:
    """Call ``mmgancomp_register`` of every plugin.

    For :mod:`mmgancomp.registry` alone. A plugin module may itself import
    the registry while it is being loaded: the call then waits until all
    plugins are.
    """
    if _loading is not None:
        _loading.register_afterwards = True
    else:
        manager().hook.mmgancomp_register()

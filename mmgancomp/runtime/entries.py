"""Which entries of a config are ours, checked before anything is built."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook

from mmgancomp.errors import ConfigError, closest
from mmgancomp.registry import HOOKS, SCOPE

from .context import RunContext
from .hooks import CompressionHook

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['check_entries', 'context_of', 'prepare_hooks']


def _entries(config: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hook entries whose type carries our scope, with their keys."""
    for name, entry in (config.get('default_hooks') or {}).items():
        if isinstance(entry, dict):
            yield f'default_hooks.{name}', entry
    for i, entry in enumerate(config.get('custom_hooks') or []):
        if isinstance(entry, dict):
            yield f'custom_hooks.{i}', entry


def check_entries(config: Config) -> None:
    """Check what MMEngine would only trip over later, or with a traceback.

    Raises:
        ConfigError: If a hook of our scope is unknown or stands under
            another name than its own, or ``load_from`` names no file.
    """
    import mmgancomp.runtime.stages  # noqa: F401
    import mmgancomp.sparsity.hook  # noqa: F401
    known = HOOKS.module_dict
    for key, entry in _entries(config):
        kind = entry.get('type')
        if not isinstance(kind, str) or not kind.startswith(f'{SCOPE}.'):
            continue
        name = kind.removeprefix(f'{SCOPE}.')
        if name not in known:
            raise ConfigError.at(
                f'{key}.type', kind, 'no such hook; ' +
                closest(kind, [f'{SCOPE}.{n}' for n in known]))
        own = getattr(known[name], 'key', None)
        if own is not None and key != f'default_hooks.{own}':
            raise ConfigError.at(
                key, kind, f'declare it as default_hooks.{own}: under this '
                'name it can be inherited and overridden')
    path = config.get('load_from')
    if path and '://' not in str(path) and not os.path.isfile(path):
        raise ConfigError.at('load_from', path, 'no such file')


def context_of(config: Config, model: Any) -> RunContext:
    """The context of the run that a config describes, without a Runner.

    Args:
        config: The config.
        model: The model built from it.

    Raises:
        ConfigError: If the length of the run cannot be known.
    """
    from mmengine.optim import build_optim_wrapper
    length = (config.get('train_cfg') or {}).get('max_iters')
    if not isinstance(length, int) or length < 1:
        raise ConfigError.at(
            'train_cfg.max_iters', length,
            'write the number of iterations; MMagic trains GANs by iteration')
    options = _without_amp(config.get('optim_wrapper') or {})
    if not options:
        raise ConfigError.at('optim_wrapper', None,
                             'the config names no optimizers')
    wrapper = build_optim_wrapper(model, options)
    seed = (config.get('randomness') or {}).get('seed') or 0
    return RunContext.of(model, wrapper, length, seed)


def _without_amp(options: Any) -> Any:
    # A plan is made on a CPU, where MMEngine's AMP wrapper refuses to be
    # built; which updates happen does not depend on it.
    if isinstance(options, dict):
        plain = {k: _without_amp(v) for k, v in options.items()}
        if plain.get('type') == 'AmpOptimWrapper':
            plain = {
                k: v
                for k, v in plain.items()
                if k not in ('loss_scale', 'dtype', 'use_fsdp')
            }
            plain['type'] = 'OptimWrapper'
        return plain
    return options


def prepare_hooks(config: Config,
                  context: RunContext) -> list[CompressionHook]:
    """Build our hooks and let each check itself against the run.

    Raises:
        ConfigError: The first fault found.
    """
    check_entries(config)
    hooks = []
    for _, entry in _entries(config):
        if str(entry.get('type')).startswith(f'{SCOPE}.'):
            hook: Hook = HOOKS.build(dict(entry))
            if isinstance(hook, CompressionHook):
                hook.prepare(context)
                hooks.append(hook)
    for hook in hooks:
        hook.check(context)
    return hooks

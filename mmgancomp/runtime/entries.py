"""What of a config can be checked before anything is built, and the rest."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook

from mmgancomp.errors import ConfigError, closest
from mmgancomp.registry import HOOKS, SCOPE
from mmgancomp.repairs.reading import CheckpointError, read_checkpoint

from .context import RunContext
from .hooks import CompressionHook
from .weights import check_some_fit

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'check_entries', 'check_hooks', 'context_of', 'load_weights',
    'prepare_hooks'
]


def _entries(config: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hook entries of the config, with their keys."""
    for name, entry in (config.get('default_hooks') or {}).items():
        if isinstance(entry, dict):
            yield f'default_hooks.{name}', entry
    for i, entry in enumerate(config.get('custom_hooks') or []):
        if isinstance(entry, dict):
            yield f'custom_hooks.{i}', entry


def _known() -> dict[str, type]:
    import mmgancomp.runtime.stages
    import mmgancomp.sparsity.hook  # noqa: F401
    return HOOKS.module_dict


def _type_name(entry: dict[str, Any]) -> str:
    """The type as a config writes it; configs may hold classes too."""
    kind = entry.get('type')
    for name, known in _known().items():
        if kind is known:
            return f'{SCOPE}.{name}'
    return kind if isinstance(kind, str) else ''


def _is_ours(entry: dict[str, Any]) -> bool:
    return _type_name(entry).startswith(f'{SCOPE}.')


def check_hooks(config: Config) -> None:
    """Check names and places of our hooks in a config.

    Raises:
        ConfigError: If a hook of our scope is unknown, has lost its scope
            or its type, or stands under another name than its own.
    """
    known = _known()
    for name, cls in known.items():
        own = getattr(cls, 'key', None)
        entry = (config.get('default_hooks') or {}).get(own)
        full = f'{SCOPE}.{name}'
        if own and entry is not None and not isinstance(entry, dict):
            raise ConfigError.at(f'default_hooks.{own}', entry,
                                 f'write dict(type={full!r}, …)')
        if own and entry and entry.get('type') is None:
            raise ConfigError.at(f'default_hooks.{own}.type', None,
                                 f'write type={full!r}')
    for key, entry in _entries(config):
        kind = _type_name(entry)
        scope, _, name = kind.rpartition('.')
        if scope != SCOPE:
            lost = not scope and HOOKS.get(name) is known.get(name)
            if name in known and (lost or difflib.SequenceMatcher(
                    None, scope, SCOPE).ratio() > 0.7):
                raise ConfigError.at(f'{key}.type', kind,
                                     f'write {f"{SCOPE}.{name}"!r}')
            continue
        if name not in known:
            raise ConfigError.at(
                f'{key}.type', kind, 'no such hook; ' +
                closest(kind, [f'{SCOPE}.{n}' for n in known]))
        own = getattr(known[name], 'key', None)
        if own is not None and key != f'default_hooks.{own}':
            raise ConfigError.at(
                key, kind, f'declare it as default_hooks.{own}: under this '
                'name it can be inherited and overridden')


def check_entries(config: Config) -> None:
    """Check what MMEngine would only trip over later, or with a traceback.

    Raises:
        ConfigError: As :func:`check_hooks`; or if a run with one of our
            hooks has no length, or ``load_from`` cannot be read.
    """
    check_hooks(config)
    if any(_is_ours(entry) for _, entry in _entries(config)):
        _length(config)
    path = _local(config.get('load_from'))
    if path is None:
        return
    if not os.path.isfile(path):
        raise ConfigError.at(
            'load_from', config.load_from, 'there is no such file (looked '
            f'for {os.path.abspath(path)})')
    try:
        read_checkpoint(path, map_location='cpu')
    except (CheckpointError, OSError) as error:
        reason = str(error).removeprefix(f'{path}: ')
        raise ConfigError.at('load_from', config.load_from,
                             f'name a checkpoint; this {reason}') from error


def _local(path: Any) -> str | None:
    """The path of a file on this machine, or None for an address."""
    if not path or '://' in str(path):
        return None
    return os.path.expanduser(str(path))


def _length(config: Config) -> int:
    length = (config.get('train_cfg') or {}).get('max_iters')
    if type(length) is not int or length < 1:
        raise ConfigError.at(
            'train_cfg.max_iters', length,
            'write the number of iterations; MMagic trains GANs by iteration')
    return length


def context_of(config: Config, model: Any) -> RunContext:
    """The context of the run that a config describes, without a Runner.

    Args:
        config: The config.
        model: The model built from it.

    Raises:
        ConfigError: If the length of the run cannot be known.
    """
    from mmengine.optim import build_optim_wrapper
    length = _length(config)
    options = _without_amp(config.get('optim_wrapper') or {})
    if not options:
        raise ConfigError.at('optim_wrapper', None,
                             'the config names no optimizers; write one for '
                             'each network, as the stock configs do')
    wrapper = build_optim_wrapper(model, options)
    seed = (config.get('randomness') or {}).get('seed') or 0
    context = RunContext.of(model, wrapper, length, seed)
    context.validates = config.get('val_cfg') is not None
    return context


def load_weights(config: Config, context: RunContext) -> None:
    """Give the model the weights that training would load, if they are here.

    An address is not fetched for a plan; the context then says that the
    weights are not known.

    Raises:
        ConfigError: If they are of another model.
    """
    from mmengine.runner.checkpoint import load_checkpoint
    path = _local(config.get('load_from'))
    if path is not None:
        check_some_fit(context.model, read_checkpoint(path, 'cpu'),
                       'load_from', config.load_from)
        load_checkpoint(context.model, path, map_location='cpu')
    elif config.get('load_from'):
        context.weights_known = False


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
    check_hooks(config)
    hooks = []
    for _, entry in _entries(config):
        if _is_ours(entry):
            # MMEngine takes the priority out before it builds, too.
            hook: Hook = HOOKS.build(
                {k: v
                 for k, v in entry.items() if k != 'priority'})
            if isinstance(hook, CompressionHook):
                hook.prepare(context)
                hooks.append(hook)
    for hook in hooks:
        hook.check(context)
    return hooks

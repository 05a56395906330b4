"""A run without a Runner: what ``mmgancomp plan`` asks our hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook

from mmgancomp.errors import ConfigError
from mmgancomp.registry import HOOKS
from mmgancomp.repairs.reading import read_checkpoint

from .context import RunContext
from .entries import (
    check_hooks,
    local_path,
    our_entries,
    our_loop,
    run_shape,
)
from .hooks import CompressionHook
from .weights import check_some_fit

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['context_of', 'load_weights', 'prepare_hooks', 'prepare_loop']


def context_of(config: Config, model: Any) -> RunContext:
    """The context of the run that a config describes, without a Runner.

    Args:
        config: The config.
        model: The model built from it.

    Raises:
        ConfigError: If the length of the run cannot be known.
    """
    from mmengine.optim import build_optim_wrapper
    shape = run_shape(config)
    options = _without_amp(config.get('optim_wrapper') or {})
    if not options:
        raise ConfigError.at('optim_wrapper', None,
                             'the config names no optimizers; write one for '
                             'each network, as the stock configs do')
    wrapper = build_optim_wrapper(model, options)
    seed = (config.get('randomness') or {}).get('seed') or 0
    context = RunContext.of(model, wrapper, shape.iterations, seed, shape)
    context.validates = config.get('val_cfg') is not None
    context.config = config
    context.family.check(context.model, config)
    return context


def load_weights(config: Config, context: RunContext) -> None:
    """Give the model the weights that training would load, if they are here.

    An address is not fetched for a plan; the context then says that the
    weights are not known.

    Raises:
        ConfigError: If they are of another model.
    """
    from mmengine.runner.checkpoint import load_checkpoint
    path = local_path(config.get('load_from'))
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
    for entry in our_entries(config):
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


def prepare_loop(config: Config, context: RunContext,
                 hooks: list[CompressionHook]) -> Any:
    """Check the settings of our loop, if the run has one, against the rest.

    Returns:
        The settings, or None for a loop that is not ours.

    Raises:
        ConfigError: The first fault found.
    """
    loop = our_loop(config)
    if loop is None:
        return None
    settings = loop.read(dict(config.train_cfg))
    settings.check(context, hooks)
    return settings

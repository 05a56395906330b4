"""``--amp`` for configs with one optimizer wrapper per network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict

__all__ = ['enable_amp']


def enable_amp(config: Config) -> None:
    """Turn on mixed precision in a config, in place.

    MMagic's own flag looks for a ``type`` in each nested optimizer wrapper;
    stock GAN configs give none, so there it does nothing and says nothing.
    What else a model needs, its family knows (``Family.amp``).

    Raises:
        ConfigError: No accelerator, or a wrapper that cannot be replaced.
    """
    from mmengine.device import get_device
    from mmengine.registry import DefaultScope

    from mmgancomp import families
    from mmgancomp.registry import MODELS
    if get_device() in ('cpu', 'mps'):
        raise ConfigError(
            '--amp: mixed precision needs an accelerator (CUDA, NPU, MLU or '
            'MUSA) and torch sees none here; train without --amp')
    for key, wrapper in _wrappers(config):
        kind = wrapper.get('type', 'OptimWrapper')
        if kind == 'AmpOptimWrapper':
            continue
        if kind != 'OptimWrapper':
            raise ConfigError.at(
                f'{key}.type', kind,
                "--amp can replace 'OptimWrapper' only; set up mixed "
                'precision in the config, or leave the flag out')
        wrapper.type = 'AmpOptimWrapper'
        wrapper.loss_scale = 'dynamic'
    scope = config.get('default_scope') or 'mmagic'
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(config.model)
    families.of(model).amp(config)


def _wrappers(config: Config) -> list[tuple[str, ConfigDict]]:
    """The optimizer wrappers of a config, with their keys."""
    wrapper = config.get('optim_wrapper')
    if not wrapper:
        raise ConfigError.at('optim_wrapper', wrapper,
                             '--amp has no optimizer wrapper to change')
    if 'optimizer' in wrapper:
        return [('optim_wrapper', wrapper)]
    return [(f'optim_wrapper.{name}', nested)
            for name, nested in wrapper.items() if isinstance(nested, dict)]

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

    from mmgancomp import families
    from mmgancomp.runtime.building import build_model
    if get_device() in ('cpu', 'mps'):
        raise ConfigError(
            '--amp: mixed precision needs an accelerator (CUDA, NPU, MLU or '
            'MUSA) and torch sees none here; train without --amp')
    wrappers = _wrappers(config)
    for key, wrapper in wrappers:
        kind = wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise ConfigError.at(
                f'{key}.type', kind,
                "--amp can replace 'OptimWrapper' only; set up mixed "
                'precision in the config, or leave the flag out')
    # First the family, whose loss scale goes before the usual one.
    families.of(build_model(config)).amp(config)
    for _, wrapper in wrappers:
        if wrapper.get('type') != 'AmpOptimWrapper':
            wrapper.type = 'AmpOptimWrapper'
            wrapper.setdefault('loss_scale', 'dynamic')


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

"""Builds the model of a config without a Runner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['build_model']


def build_model(config: Config) -> nn.Module:
    """Build the model of a config on the CPU, as a Runner would."""
    from mmengine.registry import DefaultScope

    from mmgancomp.registry import MODELS
    settings = config.get('model')
    if settings is None:
        raise ConfigError.at('model', None, 'the config has no model')
    settings = settings.copy()
    if config.get('data_preprocessor') is not None:
        settings.setdefault('data_preprocessor', config.data_preprocessor)
    scope = config.get('default_scope') or 'mmagic'
    with DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(settings)

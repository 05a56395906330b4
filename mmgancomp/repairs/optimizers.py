"""Optimizer settings that today's torch refuses."""

from __future__ import annotations

from types import ModuleType

import wrapt

__all__ = ['float_betas']


def float_betas(module: ModuleType) -> None:
    """Make floats of integers among ``betas``."""

    def repaired(wrapped, instance, args, kwargs):
        wrapped(*args, **kwargs)
        betas = instance.optimizer_cfg.get('betas')
        if isinstance(betas, (tuple, list)) and any(
                isinstance(beta, int) for beta in betas):
            # A copy: the config, which is dumped and saved, stays as given.
            instance.optimizer_cfg = instance.optimizer_cfg.copy()
            instance.optimizer_cfg['betas'] = tuple(
                float(beta) if isinstance(beta, int) else beta
                for beta in betas)

    wrapt.wrap_function_wrapper(
        module, 'DefaultOptimWrapperConstructor.__init__', repaired)

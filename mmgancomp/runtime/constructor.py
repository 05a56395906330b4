"""Build optimizers that leave helpers inside networks alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmengine.optim import OptimWrapper
from torch import nn

from mmgancomp.registry import OPTIM_WRAPPER_CONSTRUCTORS

from .helpers import helper_parameters

__all__ = ['CompressionOptimWrapperConstructor']


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CompressionOptimWrapperConstructor:
    """MMagic's constructor; helpers are left to their own optimizers.

    A config needs it where helpers lie inside of networks::

        optim_wrapper = dict(
            constructor='mmgancomp.CompressionOptimWrapperConstructor')

    Args:
        optim_wrapper_cfg: As of MMagic's ``MultiOptimWrapperConstructor``.
        paramwise_cfg: Likewise.
    """

    def __init__(self, optim_wrapper_cfg: dict[str, Any],
                 paramwise_cfg: Any = None) -> None:
        from mmagic.engine.optimizers import MultiOptimWrapperConstructor
        self._stock = MultiOptimWrapperConstructor(optim_wrapper_cfg,
                                                   paramwise_cfg)

    def __call__(self, module: nn.Module) -> Any:
        """Build the optimizers of a model."""
        built = self._stock(module)
        wrappers = [w for _, w in built.items()] if hasattr(
            built, 'items') else [built]
        _take_out(wrappers, helper_parameters(module))
        return built


def _take_out(wrappers: Iterable[OptimWrapper],
              parameters: list[nn.Parameter]) -> None:
    """Take parameters out of optimizers that have made no step yet."""
    helpers = {id(parameter) for parameter in parameters}
    for wrapper in wrappers:
        groups = wrapper.optimizer.param_groups
        for group in groups:
            group['params'] = [
                p for p in group['params'] if id(p) not in helpers
            ]
        # One group per parameter, where some have a rate of their own.
        groups[:] = [group for group in groups if group['params']]

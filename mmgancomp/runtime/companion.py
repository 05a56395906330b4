"""Optimizers of helper parameters, stepped with the network they serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIMIZERS
from torch import nn

from mmgancomp.errors import ConfigError
from mmgancomp.registry import OPTIM_WRAPPERS

from .update import OptimizerUpdates, Phase

__all__ = ['CompanionOptimWrapper', 'build_companion']


@OPTIM_WRAPPERS.register_module()
class CompanionOptimWrapper(OptimWrapper):
    """Steps helper parameters whenever their owner network is stepped.

    Helper parameters (connectors, gates, architecture weights, a teacher
    that trains) get their gradient from the owner's own backward pass. So
    accumulation, skipped AMP steps and the ratio of D to G steps are the
    owner's, and no entry in ``optim_wrapper`` is needed. Gradients are
    averaged over ranks here, because no DDP wrapper knows these parameters.

    Args:
        optimizer: Optimizer over the helper parameters.
        clip_grad: As in MMEngine's ``OptimWrapper``.
    """

    def __init__(self, optimizer: torch.optim.Optimizer,
                 clip_grad: dict | None = None) -> None:
        super().__init__(optimizer, clip_grad=clip_grad)
        self._owner: OptimWrapper | None = None

    def follow(self, updates: OptimizerUpdates) -> None:
        """Step with this optimizer from now on."""
        self._owner = updates.wrapper
        updates.companions.append(self)
        updates.on_update(Phase.COMPANIONS, self._step_with_owner)
        zero = updates.wrapper.zero_grad

        def zero_both(**kwargs: Any) -> None:
            zero(**kwargs)
            self.zero_grad(**kwargs)

        updates.wrapper.zero_grad = zero_both

    def parameters(self) -> list[nn.Parameter]:
        """The helper parameters."""
        return [p for g in self.optimizer.param_groups for p in g['params']]

    @torch.no_grad()
    def _step_with_owner(self, update: int) -> None:
        for parameter in self.parameters():
            if get_world_size() > 1:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                all_reduce(parameter.grad, op='mean')
        scaler = getattr(self._owner, 'loss_scaler', None)
        if scaler is not None:
            # The owner's scaler unscaled only the owner's own gradients;
            # its scale is renewed after this step.
            scale = scaler.get_scale()
            for parameter in self.parameters():
                if parameter.grad is not None:
                    parameter.grad.div_(scale)
        if all(
                bool(p.grad.isfinite().all()) for p in self.parameters()
                if p.grad is not None):
            self.step()


def build_companion(parameters: Iterable[nn.Parameter],
                    optimizer: Mapping[str, Any],
                    key: str) -> CompanionOptimWrapper:
    """Make a companion from an optimizer config.

    Args:
        parameters: Helper parameters.
        optimizer: For example ``dict(type='Adam', lr=1e-3)``.
        key: The config key, for the error.

    Raises:
        ConfigError: If torch or the registry refuses the optimizer.
    """
    try:
        built = OPTIMIZERS.build({**optimizer, 'params': list(parameters)})
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError.at(
            key, dict(optimizer),
            f"write for example dict(type='Adam', lr=1e-3) ({error})"
        ) from error
    return CompanionOptimWrapper(built)

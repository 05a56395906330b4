"""Mixed precision without a GPU: a stand-in for MMEngine's AMP wrapper."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module(force=True)
class HalfOptimWrapper(OptimWrapper):
    """bfloat16 autocast and a real GradScaler, both on the CPU.

    Args:
        overflow: At which calls of ``step`` (counted from 1) the gradients
            overflow, so that the scaler skips the step.
    """

    def __init__(self, overflow: tuple[int, ...] = (2, ), **kwargs) -> None:
        super().__init__(**kwargs)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=2.**8)
        self.overflow, self.steps, self.skipped = tuple(overflow), 0, 0

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model), torch.autocast('cpu'):
            yield

    def backward(self, loss, **kwargs):
        self.loss_scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs):
        self.steps += 1
        if self.steps in self.overflow:
            first = next(p for g in self.optimizer.param_groups
                         for p in g['params'] if p.grad is not None)
            first.grad.fill_(torch.inf)
            self.skipped += 1
        if self.clip_grad_kwargs:
            self.loss_scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()

    def state_dict(self):
        return {
            **super().state_dict(), 'loss_scaler':
            self.loss_scaler.state_dict(),
            'steps': self.steps
        }

    def load_state_dict(self, state_dict):
        self.loss_scaler.load_state_dict(state_dict.pop('loss_scaler'))
        self.steps = state_dict.pop('steps')
        super().load_state_dict(state_dict)

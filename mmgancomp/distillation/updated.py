"""A teacher whose discriminators go on training: an ablation of DGL-GAN."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from mmengine.dist import broadcast, get_world_size
from torch import Tensor, nn

from mmgancomp.families.base import Family
from mmgancomp.families.calls import Call
from mmgancomp.runtime.companion import CompanionOptimWrapper, build_companion
from mmgancomp.runtime.update import OptimizerUpdates

from .step import Step
from .taps import first_tensor
from .teacher import Teacher

__all__ = ['UpdatedTeacher', 'follow', 'like']


class UpdatedTeacher:
    """Gives a teacher's discriminators the stock discriminator loss.

    «Updated D̄» of DGL-GAN: they see the batches that the student's
    discriminators see, penalty included, and step with them. When they
    judge for the generator they are as frozen as any teacher.

    Args:
        teacher: The teacher.
        judges: Names of its discriminators.
    """

    def __init__(self, teacher: Teacher, judges: list[str]) -> None:
        self.teacher, self.judges = teacher, judges

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [
            p for name in self.judges
            for p in self.teacher.networks[name].parameters()
        ]

    def loss(self, model: nn.Module, family: Family, step: Step,
             iteration: int) -> Tensor:
        """The teacher's own loss; its gradient reaches nothing else.

        Its discriminators are left trainable until the backward pass is
        over; :meth:`Teacher.freeze` then ends that.
        """
        total: Any = 0.
        fakes, reals = step.fakes(), step.reals()
        for name, fake in fakes.items():
            network = self.teacher.networks[name]
            network.train().requires_grad_(True)
            real = reals[name]
            total = total + family.discriminator_loss(
                model, _logits(network, fake), _logits(network, real))
            penalty = family.discriminator_penalty(model, network,
                                                   real.input.detach(),
                                                   iteration)
            if penalty is not None:
                total = total + penalty
            network.eval()
        return family.discriminator_loss_weight * total

    @torch.no_grad()
    def share_buffers(self, update: int) -> None:
        """Give all ranks the statistics of the first, as DDP does."""
        if get_world_size() > 1:
            for name in self.judges:
                for buffer in self.teacher.networks[name].buffers():
                    broadcast(buffer)


def _logits(network: nn.Module, call: Call) -> Tensor:
    args, kwargs = call.with_input(call.input.detach())
    return first_tensor(network(*args, **kwargs))


def like(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The config of an optimizer with the settings of another one."""
    kind = type(optimizer)
    accepted = inspect.signature(kind.__init__).parameters
    return {
        'type': kind,
        **{k: v for k, v in optimizer.defaults.items() if k in accepted}
    }


def follow(parameters: list[nn.Parameter], config: dict[str, Any] | None,
           key: str, updates: OptimizerUpdates) -> CompanionOptimWrapper:
    """Make an optimizer that steps with a network's.

    Args:
        parameters: Helper parameters, on their device.
        config: The optimizer's config; None for one like the network's.
        key: Config key, for errors.
        updates: The network's updates.
    """
    own = dict(config) if config is not None else like(
        updates.wrapper.optimizer)
    companion = build_companion(parameters, own, key)
    companion.follow(updates)
    return companion

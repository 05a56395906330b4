"""A DDP wrapper for models that keep networks in a dictionary."""

from __future__ import annotations

from typing import Any

from mmengine.device import get_device
from mmengine.model import (
    MMDistributedDataParallel,
    MMSeparateDistributedDataParallel,
)
from torch import nn

from mmgancomp.registry import MODEL_WRAPPERS

from .gradients import no_sync

__all__ = ['DomainDistributedDataParallel']


class _Replica(MMDistributedDataParallel):
    """One network of a domain; the model initialises it by name."""

    def init_weights(self) -> None:
        """Initialise the wrapped network, handing the model's record on."""
        record = getattr(self, '_params_init_info', None)
        if record is not None:
            self.module._params_init_info = record
        self.module.init_weights()


@MODEL_WRAPPERS.register_module()
class DomainDistributedDataParallel(MMSeparateDistributedDataParallel):
    """Wraps every network of a CycleGAN or Pix2Pix on its own.

    The stock wrapper wraps the dictionary of networks, which the model
    never calls, so gradients stay apart (the repair ``domain_gradients``
    averages them in the optimizer step instead). Here every entry of a
    dictionary or list of networks is wrapped, and averaging overlaps with
    the backward pass. Config: ``model_wrapper_cfg =
    dict(type='mmgancomp.DomainDistributedDataParallel')``.

    Args:
        module: The model.
        broadcast_buffers: As in ``DistributedDataParallel``.
        find_unused_parameters: As in ``DistributedDataParallel``.
        **kwargs: Further arguments of ``DistributedDataParallel``.
    """

    no_sync = no_sync

    def __init__(self,
                 module: nn.Module,
                 broadcast_buffers: bool = False,
                 find_unused_parameters: bool = False,
                 **kwargs: Any) -> None:
        containers = {
            name: child
            for name, child in module.named_children()
            if isinstance(child, (nn.ModuleDict, nn.ModuleList))
        }
        options = dict(
            broadcast_buffers=broadcast_buffers,
            find_unused_parameters=find_unused_parameters,
            **kwargs)
        for name in containers:  # out of the parent's sight, in place
            module._modules[name] = nn.Identity()
        super().__init__(module, **options)
        for name, container in containers.items():
            for key, network in container.named_children():
                container._modules[key] = _wrapped(network, options)
            module._modules[name] = container


def _wrapped(network: nn.Module, options: dict) -> nn.Module:
    network = network.to(get_device())
    if any(parameter.requires_grad for parameter in network.parameters()):
        return _Replica(module=network, **options)
    return network

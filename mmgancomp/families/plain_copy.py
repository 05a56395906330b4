"""Copies of networks in which a weight is a weight.

Spectral norm and the equalised learning rate compute a layer's weight from
another tensor in each forward. For a file that is only ever run, the weight
is computed once.
"""

from __future__ import annotations

import re
from copy import deepcopy

import torch
from torch import nn
from torch.nn.utils import parametrize

__all__ = ['plain_copy']

_HOOKS = ('SpectralNorm', 'EqualizedLR')
"""Pre-hooks of torch and of MMagic that set an attribute of a layer."""


def plain_copy(network: nn.Module) -> nn.Module:
    """Copy a network for inference, its weights as eval mode has them.

    Args:
        network: The network; it computes afterwards what it did before.

    Returns:
        The same network in eval mode, without gradients, without spectral
        norm and equalised learning rate. Its ``state_dict`` has other names.
    """
    for module in network.modules():
        weight = vars(module).get('weight')
        # What a forward with gradients has left can't be copied.
        if isinstance(weight, torch.Tensor) and not weight.is_leaf:
            module.weight = weight.detach()
    copy = deepcopy(network).eval().requires_grad_(False)
    with torch.no_grad():
        for module in list(copy.modules()):
            _settle(module)
    return copy


def _settle(module: nn.Module) -> None:
    for key, hook in list(module._forward_pre_hooks.items()):
        if type(hook).__name__ in _HOOKS:
            hook(module, ())
            weight = getattr(module, hook.name)
            del module._forward_pre_hooks[key]
            delattr(module, hook.name)
            for name in ('orig', 'u', 'v'):
                if hasattr(module, f'{hook.name}_{name}'):
                    delattr(module, f'{hook.name}_{name}')
            module.register_parameter(hook.name, _fixed(weight))
    if parametrize.is_parametrized(module):
        # Not torch's remove_parametrizations: the class is made for the
        # layer, and the copy shares it with the network.
        weights = {name: getattr(module, name)
                   for name in module.parametrizations}
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
        for name, weight in weights.items():
            module.register_parameter(name, _fixed(weight))
    if hasattr(module, 'sn_weight'):
        # The ajbrock style: a layer of torch that divides its own weight.
        module.weight = _fixed(module.sn_weight())
        for name in list(module._buffers):
            if re.fullmatch(r'(u|sv)\d+', name):
                delattr(module, name)
        module.__class__ = next(
            base for base in type(module).__mro__
            if base.__module__.startswith('torch.nn.'))


def _fixed(weight: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach().clone(), requires_grad=False)

"""Cuts channels out of a network's tensors, and mends what hangs on shapes.

Everything is cut once, in the numbering of the network as it was: a layer
that reads two groups side by side would be cut wrongly otherwise.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from mmgancomp.families import Slot

from .groups import Groups, Kept, removed

__all__ = ['copy_of', 'cut', 'gone_from', 'indices']


def copy_of(network: nn.Module) -> nn.Module:
    """A deep copy, also after a forward that recorded gradients.

    Spectral norm and equalised learning rate leave the weight that they
    computed on the module, and torch copies no tensor with a history.
    """
    memo: dict[int, Any] = {
        id(value): value.detach().clone()
        for _, _, value in _computed(network) if not value.is_leaf
    }
    return copy.deepcopy(network, memo)


def gone_from(groups: Groups,
              kept: Kept) -> dict[tuple[str, int], set[int]]:
    """Tensor and axis → the indices that a plan takes out of it."""
    gone: dict[tuple[str, int], set[int]] = defaultdict(set)
    for name, channels in removed(groups, kept).items():
        for slot in groups[name].slots:
            gone[slot.tensor, slot.axis].update(indices(slot, channels))
    return gone


def indices(slot: Slot, channels: list[int]) -> list[int]:
    """Which indices along its axis some channels own."""
    return [
        slot.offset + channel * slot.block + inner for channel in channels
        for inner in range(slot.block)
    ]


def cut(network: nn.Module,
        groups: Groups,
        kept: Kept,
        same_function: bool = True) -> None:
    """Cut a network to a plan, in place.

    Args:
        network: The network. Names and order of its parameters stay.
        groups: Its groups.
        kept: What stays of them; checked before.
        same_function: Rescale what depends on a number of channels, so that
            channels without effect leave the function as it is. Not for a
            fresh network, whose weights are drawn for its width.
    """
    gone = gone_from(groups, kept)
    if same_function:
        _scale_means(network, groups, removed(groups, kept))
        _scale_equalised(network, gone)
    for (name, axis), dead in gone.items():
        _cut_axis(network, name, axis, dead)
    _mend_numbers(network, groups, kept)
    for module, name, _ in list(_computed(network)):
        _forget(module, name)


def _cut_axis(network: nn.Module, name: str, axis: int,
              dead: set[int]) -> None:
    path, _, local = name.rpartition('.')
    module = network.get_submodule(path)
    whole = getattr(module, local)
    living = [i for i in range(whole.shape[axis]) if i not in dead]
    index = torch.tensor(living, device=whole.device)
    left = whole.detach().index_select(axis, index)
    if local in module._parameters:
        module._parameters[local] = nn.Parameter(
            left, requires_grad=whole.requires_grad)
    else:
        module._buffers[local] = left


def _scale_means(network: nn.Module, groups: Groups,
                 taken: dict[str, list[int]]) -> None:
    """Fewer channels that are not dead have a larger mean."""
    for name, channels in taken.items():
        group = groups[name]
        for tensor, axis, index in group.mean:
            column = network.get_parameter(tensor).detach().select(axis, index)
            column *= (group.width - len(channels)) / group.width


def _scale_equalised(network: nn.Module,
                     gone: dict[tuple[str, int], set[int]]) -> None:
    """Undo that the weight is divided by the root of its current fan."""
    for path, module in network.named_modules():
        for hook in module._forward_pre_hooks.values():
            if not hasattr(hook, 'lr_mul'):
                continue
            name = f'{hook.name}_orig'
            weight = getattr(module, name).detach()
            # A modulated convolution has one more axis, for the batch.
            axis = int(weight.ndim == 5) + int(hook.mode == 'fan_in')
            dead = len(gone.get((f'{path}.{name}', axis), ()))
            old = weight.shape[axis]
            weight *= sqrt((old - dead) / old)


def _mend_numbers(network: nn.Module, groups: Groups, kept: Kept) -> None:
    # Children first: a block repeats the numbers of its convolution.
    for _, module in reversed(list(network.named_modules())):
        _repeat_shape(module)
    for name, channels in kept.items():
        for path, attribute in groups[name].counts:
            setattr(network.get_submodule(path), attribute, len(channels))
    for group in groups.values():
        if group.name in kept or group.value in kept:
            if group.attention:
                _mend_attention(network, groups, kept, group.name)


def _mend_attention(network: nn.Module, groups: Groups, kept: Kept,
                    name: str) -> None:
    group = groups[name]
    q, v = (len(kept.get(n, range(groups[n].width)))
            for n in (name, group.value))
    # An eighth of it is q and half of it v.
    network.get_submodule(group.attention).in_channels = max(8 * q, 2 * v)


def _repeat_shape(module: nn.Module) -> None:
    weight = getattr(module, 'weight_orig', None)
    if weight is None:
        weight = module._parameters.get('weight')
    if isinstance(module, _ConvNd):
        swapped = isinstance(module, _ConvTransposeNd)
        module.out_channels = weight.shape[int(swapped)] * (
            module.groups if swapped else 1)
        module.in_channels = weight.shape[int(not swapped)] * (
            1 if swapped else module.groups)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = weight.shape
    elif isinstance(module, nn.Embedding):
        module.embedding_dim = weight.shape[1]
    elif weight is not None and weight.ndim == 5:
        module.out_channels, module.in_channels = weight.shape[1:3]
    inner = getattr(module, 'conv', None)
    if inner is not None and hasattr(inner, 'in_channels'):
        for name in ('in_channels', 'out_channels'):
            if hasattr(module, name):
                setattr(module, name, getattr(inner, name))


def _computed(
        network: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """Tensors that a module computes from its parameters and keeps."""
    for module in network.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, Tensor):
                yield module, name, value


def _forget(module: nn.Module, name: str) -> None:
    """Give a weight that its forward computes anew the new shape."""
    raw = module._parameters.get(f'{name}_orig')
    if raw is not None:
        # The same memory, as the stock constructors have it: they draw
        # initial weights into this one.
        setattr(module, name, raw.detach())

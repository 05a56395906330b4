"""Kills channels: they stay where they are and have no effect any more.

This is the half of a removal that changes a function, that can be measured,
and to which training can adapt. What is killed may be cut out without a
further change (:mod:`mmgancomp.channels.remove`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError
from mmgancomp.families import ChannelGroup

from .groups import Groups, Kept, channel_groups, check_kept, removed
from .slicing import copy_of, indices

__all__ = ['empty_channels', 'kill', 'refresh_spectral_norm', 'silence']

POWER_ITERATIONS = 15
"""Of spectral norm, on each layer that was changed."""


def kill(network: nn.Module,
         plan: Kept,
         groups: Groups | None = None) -> nn.Module:
    """A copy of a network without the effect of some channels.

    Every slot is zeroed: what writes a channel, norms and class embeddings
    on the way, and what reads it. To zero the filters is not enough: a norm
    or injected noise would revive the channel.

    Example:
        >>> from torch import nn
        >>> from mmgancomp.families.groups import GroupTable
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1))
        >>> table = GroupTable(net)
        >>> table.add('0', make='0', use='1')
        >>> less = kill(net, {'0': [0, 2]}, table.groups)
        >>> [bool(f.any()) for f in less[0].weight]
        [True, False, True, False]

    Args:
        network: Left as it is.
        plan: Group → channels that stay; groups that it does not name stay
            whole.
        groups: The network's groups. Defaults to those that its family
            declares.

    Returns:
        The copy; of the same shapes.

    Raises:
        ConfigError: The plan is not one of this network.
        NotOffered: No family knows the network's groups.
    """
    groups = channel_groups(network) if groups is None else groups
    check_kept(groups, plan)
    copy = copy_of(network)
    refresh_spectral_norm(copy, silence(copy, groups, plan))
    return copy


@torch.no_grad()
def silence(network: nn.Module,
            groups: Groups,
            kept: Kept,
            factor: float = 0.) -> set[str]:
    """Multiply all slots of the channels that a plan removes, in place.

    Vectors of spectral norm are left, and running variances, which nothing
    may divide by once they are zero. A running mean follows by itself, until
    its channel is killed.

    Args:
        network: The network.
        groups: Its groups.
        kept: What stays of them.
        factor: What to multiply by; 0 kills.

    Returns:
        Names of the tensors that changed.
    """
    changed: set[str] = set()
    tensors = dict(network.named_parameters())
    tensors |= dict(network.named_buffers())
    for name, channels in removed(groups, kept).items():
        for slot in groups[name].slots:
            tensor = tensors[slot.tensor]
            buffer = slot.tensor.endswith('.running_mean')
            if _has_effect(slot.tensor) and not (buffer and factor):
                index = torch.tensor(
                    indices(slot, channels), device=tensor.device)
                part = tensor.index_select(slot.axis, index)
                if not part.any():
                    continue
                # Not a product with zero, which keeps NaN and signs.
                part = part * factor if factor else torch.zeros_like(part)
                tensor.index_copy_(slot.axis, index, part)
                changed.add(slot.tensor)
    return changed


def _has_effect(name: str) -> bool:
    last = name.rpartition('.')[2]
    return last in ('weight', 'weight_orig', 'bias', 'input', 'running_mean')


@torch.no_grad()
def refresh_spectral_norm(network: nn.Module, changed: set[str]) -> None:
    """Let the vectors of spectral norm follow weights that were changed.

    Torch's style divides by ``uᵀWv`` with stored vectors; after channels
    were killed they no longer belong to the largest singular value.

    Args:
        network: The network, changed in place.
        changed: Names of the tensors that were.
    """
    for path in sorted({name.rpartition('.')[0] for name in changed}):
        module = network.get_submodule(path)
        for hook in module._forward_pre_hooks.values():
            if hasattr(hook, 'n_power_iterations'):
                _iterate(module, hook)
        if hasattr(module, 'sn_weight'):  # ajbrock's style
            training = module.training
            module.train()
            for _ in range(POWER_ITERATIONS):
                module.sn_weight()
            module.train(training)


def _iterate(module: nn.Module, hook: object) -> None:
    for _ in range(POWER_ITERATIONS):
        weight = hook.compute_weight(module, do_power_iteration=True)
    setattr(module, hook.name, weight.detach())


def empty_channels(network: nn.Module,
                   groups: Groups | None = None,
                   masks: Mapping[str, Tensor] | None = None) -> Kept:
    """The plan that removes the filters that a mask has emptied.

    A channel counts as emptied if all weights that write it are zero, or
    all that read it. Its biases and norms may be alive: kill it before you
    remove it.

    Args:
        network: The network.
        groups: Its groups. Defaults to those that its family declares.
        masks: Parameter name → mask; weights count as zero where their mask
            is, whatever they are. Without masks only zeros count.

    Returns:
        A plan with the groups that have such channels. A group keeps as
        many as a ranking would leave; the inner channels of an attention
        block stay whole if what is left does not fit together.
    """
    groups = channel_groups(network) if groups is None else groups
    tensors = dict(network.named_parameters())
    plan = {}
    for name, group in groups.items():
        empty = torch.zeros(group.width, dtype=torch.bool)
        for role in ('make', 'use'):
            # Minibatch statistics read a channel as well.
            if role == 'make' or not group.mean:
                empty |= ~_written(tensors, group, role, masks or {})
        living = torch.nonzero(~empty).flatten().tolist()
        spared = [c for c in range(group.width) if c not in living]
        if spared:
            fill = spared[:max(0, group.least - len(living))]
            plan[name] = sorted(living + fill)
    for group in groups.values():
        if group.attention:
            try:
                check_kept({n: groups[n] for n in (group.name, group.value)}, {
                    n: plan[n]
                    for n in (group.name, group.value) if n in plan
                })
            except ConfigError:
                plan.pop(group.name, None)
                plan.pop(group.value, None)
    return plan


def _written(tensors: Mapping[str, Tensor], group: ChannelGroup, role: str,
             masks: Mapping[str, Tensor]) -> Tensor:
    """Which channels have a weight that is not zero in slots of a role."""
    slots = [
        slot for slot in group.slots if slot.role == role
        and slot.tensor in tensors and tensors[slot.tensor].ndim > 1
    ]
    alive = torch.zeros(group.width, dtype=torch.bool)
    for slot in slots:
        tensor = tensors[slot.tensor].detach()
        living = tensor != 0
        if slot.tensor in masks:
            living &= masks[slot.tensor].to(living.device)
        other = [a for a in range(tensor.ndim) if a != slot.axis]
        along = living.sum(other)[slot.offset:]
        blocks = along[:group.width * slot.block]
        alive |= blocks.reshape(group.width, slot.block).any(1).cpu()
    # A query is read by a product, not by a layer.
    return alive if slots else ~alive

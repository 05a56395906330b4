"""Channel groups of generators that have gates or transition layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import nn

from .groups import ChannelGroup, GroupTable, Slot
from .layer_axes import made
from .sites import GateSite

__all__ = ['group_of', 'with_gates']


def with_gates(network: nn.Module, groups: Mapping[str, ChannelGroup],
               sites: Iterable[GateSite]) -> dict[str, ChannelGroup]:
    """The groups once gates and transition layers are in the network.

    A convolution with a transition layer behind it no longer writes the
    residual sum: its channels are a group of their own, and the transition
    writes the sum in its place. A gate has a number for each channel.

    Args:
        network: The network, with modules ``gates`` and ``transitions`` or
            either of them.
        groups: Those of the stock network.
        sites: Where it could have gates.
    """
    table = GroupTable(network)
    table.groups = dict(groups)
    for site in sites:
        transition = f'transitions.{site.slot}'
        if _has(network, transition):
            _divert(table, site, transition)
        if _has(network, f'gates.{site.slot}'):
            name = group_of(table.groups, site)
            group = table.groups[name]
            slots = tuple(
                Slot(f'gates.{site.slot}.{tensor}', 0, role='each')
                for tensor in ('weight', 'kept'))
            table.groups[name] = replace(group, slots=group.slots + slots)
    return table.groups


def group_of(groups: Mapping[str, ChannelGroup], site: GateSite) -> str:
    """The group whose channels a site's convolution writes."""
    return next(name for name, group in groups.items() if any(
        slot.role == 'make' and slot.tensor.startswith(f'{site.conv}.')
        for slot in group.slots))


def _divert(table: GroupTable, site: GateSite, transition: str) -> None:
    layer = site.layer
    for name, group in table.groups.items():
        left = tuple(s for s in group.slots
                     if not s.tensor.startswith(f'{layer}.')
                     or s.role == 'use')
        if len(left) == len(group.slots):
            continue
        # The sum is as wide as the transition's output, one entry each.
        part = made(table.network, transition)
        slots = tuple(Slot(e.tensor, e.axis, block=e.factor, role=e.role)
                      for e in part.entries)
        table.groups[name] = replace(
            group,
            slots=left + slots,
            counts=tuple(c for c in group.counts
                         if not c[0].startswith(f'{layer}.')))
        break
    table.add(layer, layer, transition)


def _has(network: nn.Module, path: str) -> bool:
    try:
        network.get_submodule(path)
    except AttributeError:
        return False
    return True

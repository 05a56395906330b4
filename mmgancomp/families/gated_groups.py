"""Channel groups of generators that have gates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import nn

from .groups import ChannelGroup, Slot
from .sites import GateSite

__all__ = ['group_of', 'with_gates']


def with_gates(network: nn.Module, groups: Mapping[str, ChannelGroup],
               sites: Iterable[GateSite]) -> dict[str, ChannelGroup]:
    """The groups with the gates, which have a number for each channel.

    Args:
        network: The network, with a module ``gates``.
        groups: Its groups without them.
        sites: Where it could have gates.
    """
    found = dict(groups)
    for site in sites:
        if site.slot in network.gates:
            name = group_of(found, site)
            slots = tuple(
                Slot(f'gates.{site.slot}.{tensor}', 0, role='each')
                for tensor in ('weight', 'kept'))
            found[name] = replace(found[name],
                                  slots=found[name].slots + slots)
    return found


def group_of(groups: Mapping[str, ChannelGroup], site: GateSite) -> str:
    """The group whose channels a site's convolution writes."""
    return next(name for name, group in groups.items() if any(
        slot.role == 'make' and slot.tensor.startswith(f'{site.conv}.')
        for slot in group.slots))

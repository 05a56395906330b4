"""The channel groups of a network, and plans checked against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError, closest
from mmgancomp.families import ChannelGroup, Slot

__all__ = [
    'ChannelGroup', 'Groups', 'Kept', 'Slot', 'channel_groups', 'check_kept',
    'counts_of', 'removed'
]

Groups = Mapping[str, ChannelGroup]
"""Name → group, of one network."""

Kept = Mapping[str, Sequence[int]]
"""Name of a group → the channels that stay, rising. Others stay whole."""


def channel_groups(network: nn.Module) -> dict[str, ChannelGroup]:
    """The groups of a network, from the family that knows it.

    Raises:
        NotOffered: No family does; :mod:`mmgancomp.channels.probe` may.
    """
    return families.channel_groups(network)


def check_kept(groups: Groups, kept: Kept, key: str = 'plan') -> None:
    """Refuse a plan that a network cannot be cut to.

    Args:
        groups: The network's groups.
        kept: What stays of them.
        key: Where the plan stands, for errors.

    Raises:
        ConfigError: A group that does not exist, a channel that it does not
            have or that is named twice, no channel at all, or widths that an
            attention block cannot have.
    """
    for name, channels in kept.items():
        if name not in groups:
            raise ConfigError.at(
                f'{key}.{name}', _short(channels),
                'the network has no such channel group; ' +
                closest(str(name), groups))
        _check_channels(groups[name], channels, f'{key}.{name}')
    for group in groups.values():
        if group.attention and (group.name in kept or group.value in kept):
            _check_attention(groups, kept, group, key)


def _check_channels(group: ChannelGroup, channels: Any, key: str) -> None:
    if not isinstance(channels, Iterable) or isinstance(channels, str):
        raise ConfigError.at(key, channels,
                             'list the channels that stay, like [0, 2, 5]')
    before = -1
    for channel in channels:
        if type(channel) is not int or not 0 <= channel < group.width:
            raise ConfigError.at(
                key, channel, f'the group has the channels 0 to '
                f'{group.width - 1}')
        if channel <= before:
            raise ConfigError.at(
                key, _short(channels), f'channel {channel} after {before}: '
                'list each channel once, in rising order')
        before = channel
    if before < 0:
        raise ConfigError.at(
            key, [], 'a group cannot be emptied: nothing behind it would '
            'see the input; keep at least one channel')


def _check_attention(groups: Groups, kept: Kept, query: ChannelGroup,
                     key: str) -> None:
    q, v = (len(kept.get(name, range(groups[name].width)))
            for name in (query.name, query.value))
    if not 4 * q <= v <= 4 * q + 3:
        raise ConfigError.at(
            f'{key}.{query.value}', f'{v} channels',
            f'{query.attention} has {q} query-key channels '
            f'({query.name}) and takes from {4 * q} to {4 * q + 3} of '
            'values: it computes both from one number')


def removed(groups: Groups, kept: Kept) -> dict[str, list[int]]:
    """Name of a group → the channels that a plan takes away, if any."""
    found = {}
    for name, channels in kept.items():
        staying = set(channels)
        gone = [c for c in range(groups[name].width) if c not in staying]
        if gone:
            found[name] = gone
    return found


def counts_of(groups: Groups, kept: Kept) -> dict[str, dict[str, int]]:
    """Name of a group → its ``channels``, and how many are ``kept``."""
    return {
        name: dict(
            channels=group.width,
            kept=len(kept.get(name, range(group.width))))
        for name, group in groups.items()
    }


def _short(channels: Any) -> Any:
    shown = repr(channels)
    return channels if len(shown) < 60 else f'{shown[:57]}…'

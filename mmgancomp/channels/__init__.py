"""Networks with fewer channels, and the plans that say which.

Nothing here needs MMagic or a Runner; what builds such networks from a
config is :mod:`mmgancomp.channels.slimmed`.
"""

from .groups import ChannelGroup, Slot, channel_groups
from .kill import empty_channels, kill
from .plan import ChannelPlan, NetworkPlan
from .remove import RemovalError, remove

__all__ = [
    'ChannelGroup', 'ChannelPlan', 'NetworkPlan', 'RemovalError', 'Slot',
    'channel_groups', 'empty_channels', 'kill', 'remove'
]

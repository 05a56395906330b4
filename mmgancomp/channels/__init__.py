"""Networks with fewer channels, and the plans that say which.

Nothing here needs MMagic or a Runner; what builds such networks from a
config is :mod:`mmgancomp.channels.slimmed`.
"""

from .plan import ChannelPlan, NetworkPlan

__all__ = ['ChannelPlan', 'NetworkPlan']

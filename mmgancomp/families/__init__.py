"""What kinds of GANs there are: the only room that knows MMagic's classes.

Importing it imports no part of MMagic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmgancomp import plugins
from mmgancomp.errors import ConfigError

from .base import Family, Network, NotOffered, bare
from .calls import Call, FeaturePoint, Objective, Scene
from .conventions import CostConvention
from .groups import ChannelGroup, Slot
from .layers import MaskableWeight, convolution_weights, linear_weights
from .sites import (
    GateSite,
    group_of,
    transition_like,
    without_spectral_norm,
)

__all__ = [
    'Call', 'ChannelGroup', 'CostConvention', 'Family', 'FeaturePoint',
    'GateSite', 'MaskableWeight', 'Network', 'NotOffered', 'Objective',
    'Scene', 'Slot', 'bare', 'channel_groups', 'convolution_weights',
    'gate_sites', 'group_of', 'grouping', 'known', 'linear_weights', 'narrow',
    'of', 'transition_like', 'without_spectral_norm'
]


def known() -> list[Family]:
    """All families, in the order in which they are asked: latest first."""
    found = plugins.manager().hook.mmgancomp_families()
    return [family for families in found for family in families]


def of(model: nn.Module) -> Family:
    """The family of a model, which may be wrapped for distributed training.

    Raises:
        ConfigError: No family claims the model.
    """
    model = bare(model)
    families = known()
    for family in families:
        if family.claims(model):
            return family
    kind = type(model)
    names = ', '.join(sorted(family.name for family in families))
    raise ConfigError(
        f'model = {kind.__module__}.{kind.__qualname__}: no family of GANs '
        f'knows this class (known: {names}). Write a subclass of '
        'mmgancomp.families.Family for it, return it from the hook '
        'mmgancomp_families, and announce that module in your package under '
        f'the entry-point group {plugins.PROJECT!r}: docs/plugins.md has an '
        'example')


def grouping(network: nn.Module) -> tuple[Family, dict[str, ChannelGroup]]:
    """The channel groups of a network, and the family that knows them.

    Args:
        network: A generator or discriminator, bare.

    Raises:
        NotOffered: No family knows the groups of such a network.
    """
    for family in known():
        try:
            return family, family.channel_groups(network)
        except NotOffered:
            continue
    kind = type(network)
    raise NotOffered(
        f'no family has a method \'channel_groups\' for {kind.__module__}.'
        f'{kind.__qualname__}; write one in a subclass of '
        'mmgancomp.families.Family: docs/plugins.md says what it must do')


def channel_groups(network: nn.Module) -> dict[str, ChannelGroup]:
    """Which channels of a network can only be removed together.

    Raises:
        NotOffered: No family knows the groups of such a network.
    """
    return grouping(network)[1]


def narrow(config: Mapping[str, Any], divisor: int) -> dict[str, Any]:
    """The config of a narrower network, from the family that knows its type.

    Args:
        config: Config of a generator or discriminator; left as it is.
        divisor: What widths are divided by.

    Raises:
        NotOffered: No family knows how to narrow such a network.
    """
    for family in known():
        try:
            return family.narrow(config, divisor)
        except NotOffered:
            continue
    raise NotOffered(
        f'no family has a method \'narrow\' for {config.get("type")}; write '
        'one in a subclass of mmgancomp.families.Family: docs/plugins.md '
        'says what it must do')


def gate_sites(network: nn.Module) -> list[GateSite]:
    """Where a network can be gated, from the family that knows its class.

    Raises:
        NotOffered: No family does.
    """
    for family in known():
        try:
            return family.gate_sites(network)
        except NotOffered:
            continue
    raise NotOffered(
        f'no family has a method \'gate_sites\' for {type(network).__name__};'
        ' write one in a subclass of mmgancomp.families.Family: '
        'docs/plugins.md says what it must do')

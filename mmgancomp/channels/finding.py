"""The channel groups of a network, declared or found by running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.families import ChannelGroup, Family, NotOffered
from mmgancomp.runtime.structure import noted

from .groups import Groups, Kept
from .kill import kill
from .plan import NetworkPlan
from .probe import probe
from .remove import RemovalError, example, remove
from .slicing import copy_of, gone_from

__all__ = ['Found', 'find_groups', 'groups_after']

_SETTLING = 2
"""Forwards before a probe: fresh spectral norm overflows without."""


class Found(dict[str, ChannelGroup]):
    """The groups of a network, by name.

    Attributes:
        probed: Whether they were found by running it, and not declared.
        left: Name → why a group that the probe saw is not among them.
    """

    def __init__(self,
                 groups: Groups,
                 probed: bool = False,
                 left: Mapping[str, str] | None = None) -> None:
        super().__init__(groups)
        self.probed = probed
        self.left = dict(left or {})


def find_groups(family: Family, network: nn.Module, key: str) -> Found:
    """The groups that the family declares, or else those that a probe finds.

    What the probe finds is tried out: a group stays only if a channel of it
    can be killed and removed by itself, with equal outputs. A network that
    was narrowed by such groups keeps them, and is not probed again.

    Args:
        family: The family of the model.
        network: One of its networks; left as it is.
        key: Where the network was named, for errors.

    Raises:
        ConfigError: No family declares them, and they cannot be found.
    """
    try:
        return Found(family.channel_groups(network))
    except NotOffered as error:
        undeclared = str(error)
    earlier = NetworkPlan.of(noted(network) or {}, 'channels')
    if earlier.probed:
        return Found(groups_after(earlier.probed, earlier.kept), probed=True)
    kind = type(network).__name__
    if noted(network) is not None:
        raise ConfigError.at(
            key, kind, f'its channel groups are not declared ({undeclared}), '
            'and found in a narrowed network they would not tell those of '
            'the whole one: prune the network of full width')
    try:
        settled = _settled(family, network)
        groups = probe(settled, lambda net: example(family, net))
    except Exception as error:
        raise ConfigError.at(
            key, kind, f'its channel groups are not declared ({undeclared}), '
            f'and a probe cannot find them: {_reason(error)}') from error
    usable, left = _tried(family, settled, groups)
    if not usable:
        seen = ', '.join(f'{name} ({why})' for name, why in left.items())
        raise ConfigError.at(
            key, kind, f'its channel groups are not declared ({undeclared}), '
            'and a probe finds none that can be removed' +
            (f': {seen}' if seen else ''))
    return Found(usable, True, left)


def _settled(family: Family, network: nn.Module) -> nn.Module:
    settled = copy_of(network).train()
    args, kwargs = example(family, settled)
    with torch.no_grad(), torch.random.fork_rng():
        for _ in range(_SETTLING):
            settled(*args, **kwargs)
    return settled


def _tried(family: Family, network: nn.Module,
           groups: Groups) -> tuple[dict[str, ChannelGroup], dict[str, str]]:
    """The groups that can be cut, and why the others cannot."""
    usable, left = {}, {}
    for name, group in groups.items():
        if group.width < 2:
            left[name] = 'a single channel'
            continue
        plan = {name: list(range(1, group.width))}
        try:
            remove(
                kill(network, plan, groups), plan, groups,
                call=lambda net: example(family, net))
        except (RemovalError, RuntimeError) as error:
            left[name] = _reason(error)
        else:
            usable[name] = group
    return usable, left


def _reason(error: Exception) -> str:
    text = (str(error).strip().splitlines() or ['no reason given'])[0]
    if isinstance(error, MMGanCompError):
        return text
    return f'{type(error).__name__}: {text}'


def groups_after(groups: Groups, kept: Kept) -> dict[str, ChannelGroup]:
    """The groups of a network once it is cut to a plan.

    Args:
        groups: Those of the whole network.
        kept: The plan.
    """
    gone = gone_from(groups, kept)

    def before(tensor: str, axis: int, index: int) -> int:
        return sum(i < index for i in gone.get((tensor, axis), ()))

    return {
        name: replace(
            group,
            width=len(kept.get(name, range(group.width))),
            slots=tuple(
                replace(
                    slot,
                    offset=slot.offset -
                    before(slot.tensor, slot.axis, slot.offset))
                for slot in group.slots),
            mean=tuple((tensor, axis, index - before(tensor, axis, index))
                       for tensor, axis, index in group.mean))
        for name, group in groups.items()
    }

"""Channel groups as plain values: of networks that no family declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmgancomp.errors import ConfigError
from mmgancomp.families import ChannelGroup, Slot

from .groups import Groups

__all__ = ['check_fit', 'read_groups', 'written_groups']

_REMEDY = ('is no channel group as `mmgancomp prune` writes it; take the plan '
           'as it was')


def written_groups(groups: Groups) -> dict[str, Any]:
    """Plain values for JSON: of each group, all that cutting it needs."""
    return {
        name: {
            'width': group.width,
            'slots': [[s.tensor, s.axis, s.offset, s.block, s.role]
                      for s in group.slots],
            'mean': [list(column) for column in group.mean],
            'counts': [list(place) for place in group.counts]
        }
        for name, group in groups.items()
    }


def read_groups(document: Any, key: str) -> dict[str, ChannelGroup]:
    """The groups that :func:`written_groups` wrote.

    Raises:
        ConfigError: They are none.
    """
    groups = {}
    for name, values in dict(document).items():
        where = f'{key}.{name}'
        if not isinstance(values, Mapping) or set(values) != {
                'width', 'slots', 'mean', 'counts'
        } or not _number(values['width'], 1):
            raise ConfigError.at(where, '…', _REMEDY)
        try:
            slots = tuple(Slot(*slot) for slot in values['slots'])
            mean = tuple((t, a, i) for t, a, i in values['mean'])
            counts = tuple((path, name) for path, name in values['counts'])
        except (TypeError, ValueError):
            raise ConfigError.at(where, '…', _REMEDY) from None
        words = [s.tensor for s in slots] + [s.role for s in slots]
        words += [t for t, _, _ in mean] + [w for pair in counts for w in pair]
        numbers = [n for s in slots for n in (s.axis, s.offset)]
        numbers += [n for _, *rest in mean for n in rest]
        if not all(isinstance(word, str) for word in words) or not all(
                map(_number, numbers)) or not all(
                    _number(slot.block, 1) for slot in slots):
            raise ConfigError.at(where, '…', _REMEDY)
        groups[str(name)] = ChannelGroup(
            str(name), values['width'], slots, mean=mean, counts=counts)
    return groups


def _number(value: Any, least: int = 0) -> bool:
    return type(value) is int and value >= least


def check_fit(network: nn.Module, groups: Groups, key: str) -> None:
    """Refuse groups that are of another network.

    Args:
        network: The whole network.
        groups: Groups that were read.
        key: Where they stand, for errors.

    Raises:
        ConfigError: A tensor is not there, or not of that size.
    """
    sizes = {name: t.shape for name, t in network.state_dict().items()}
    for name, group in groups.items():
        for slot in group.slots:
            shape = sizes.get(slot.tensor, ())
            reach = slot.offset + slot.block * group.width
            if slot.axis >= len(shape) or reach > shape[slot.axis]:
                raise ConfigError.at(
                    f'{key}.{name}', f'{slot.tensor}[{slot.axis}]',
                    f'{type(network).__name__} has no {reach} entries there: '
                    'the plan is of another network')
        for path, attribute in group.counts:
            if not _has(network, path, attribute):
                raise ConfigError.at(
                    f'{key}.{name}', f'{path}.{attribute}',
                    f'{type(network).__name__} has no such number: the plan '
                    'is of another network')


def _has(network: nn.Module, path: str, attribute: str) -> bool:
    try:
        module = network.get_submodule(path)
    except AttributeError:
        return False
    return type(getattr(module, attribute, None)) is int

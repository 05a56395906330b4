"""A ticket: the masks and the initial weights of sparse networks, one file.

It is a packed file (:mod:`mmgancomp.sparsity.packed`). Of a network that is
called ``generator``, the weight ``conv.weight`` is ``generator/conv.weight``
there; every entry of the network's ``state_dict`` is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from mmgancomp.errors import MMGanCompError, closest

from .masked import MaskedNetwork, digest_of
from .packed import load, save_packed

__all__ = ['Ticket', 'read_ticket', 'write_ticket']


@dataclass(frozen=True)
class Ticket:
    """One network's part of a ticket.

    Attributes:
        masks: Parameter name → boolean mask.
        state: Entries of the network's ``state_dict``, zero where a mask is;
            a file that was not written as a ticket may lack some.
        granularity: What the masks are made of.
    """

    masks: dict[str, Tensor]
    state: dict[str, Tensor]
    granularity: str = 'element'


def write_ticket(path: str | Path, networks: Mapping[str, MaskedNetwork],
                 states: Mapping[str, Mapping[str, Tensor]],
                 info: Mapping[str, Any] | None = None) -> int:
    """Write a ticket, whole or not at all.

    Args:
        path: The file.
        networks: Name → the network whose masks are kept.
        states: Name → its ``state_dict`` at the point that training starts
            from. Pruned weights need not be zero in it.
        info: Numbers and strings to keep with it.

    Returns:
        The file's size in bytes.
    """
    tensors, masks, facts = {}, {}, {}
    for name, masked in networks.items():
        own = {key: mask.cpu() for key, mask in masked.masks.items()}
        for key, value in states[name].items():
            value = value.detach().cpu()
            tensors[f'{name}/{key}'] = (
                value.masked_fill(~own[key], 0) if key in own else value)
        masks |= {f'{name}/{key}': mask for key, mask in own.items()}
        facts[name] = {
            'granularity': masked.granularity.name,
            'digest': digest_of(own),
            'kept': masked.survivors,
            'maskable': masked.maskable
        }
    return save_packed(path, tensors, masks, {
        **(info or {}), 'networks': facts
    })


def read_ticket(path: str | Path, network: str) -> Ticket:
    """Read one network's part of a ticket.

    Args:
        path: A ticket, or any packed file of a single network.
        network: The network's name.

    Raises:
        MMGanCompError: If the file is missing or damaged, or is a ticket of
            other networks.
    """
    tensors, masks, info = load(path)
    facts = info.get('networks')
    if facts is None:
        return Ticket(masks, tensors)
    if not isinstance(facts, dict) or not all(
            isinstance(fact, dict) and isinstance(
                fact.get('granularity'), str) for fact in facts.values()):
        raise MMGanCompError(
            f'{path} is no ticket, or its metadata are damaged')
    if network not in facts:
        raise MMGanCompError(
            f'{path} is a ticket of other networks; '
            f'{closest(network, facts)}')
    prefix = f'{network}/'
    own = {
        key.removeprefix(prefix): mask
        for key, mask in masks.items() if key.startswith(prefix)
    }
    if digest_of(own) != facts[network].get('digest'):
        raise MMGanCompError(
            f'{path}: the masks of {network} are not those that were '
            'written; the file is damaged')
    state = {
        key.removeprefix(prefix): value
        for key, value in tensors.items() if key.startswith(prefix)
    }
    return Ticket(own, state, facts[network]['granularity'])

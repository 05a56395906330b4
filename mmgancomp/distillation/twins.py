"""Can a teacher be called with what the student is called with?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mmgancomp.errors import ConfigError
from mmgancomp.families.base import Family

__all__ = ['SHAPE', 'check_inputs', 'takes']

SHAPE = 'inputs of shape'


def check_inputs(name: str, ours: dict[str, Any], theirs: dict[str, Any],
                  kind: str, key: str) -> None:
    """Refuse a teacher that is called otherwise.

    Args:
        name: The student's network.
        ours: What it takes.
        theirs: What the teacher's takes.
        kind: The teacher's class.
        key: Where the teacher is named.

    Raises:
        ConfigError: With the difference.
    """
    for what in dict.fromkeys([*ours, *theirs]):
        if ours.get(what) != theirs.get(what):
            raise ConfigError.at(
                key, kind,
                f"the teacher's {name} takes {what} {theirs.get(what)} and "
                f"the student's {ours.get(what)}; a teacher must take what "
                'the student takes')


def takes(family: Family, network: nn.Module) -> dict[str, Any]:
    """What a network is called with: shapes, and how many classes."""
    args, kwargs = family.example_call(network, 2,
                                       torch.Generator().manual_seed(0))
    found: dict[str, Any] = {
        SHAPE: tuple(args[0].shape[1:]),
        **{f'{k} of shape': tuple(v.shape[1:])
           for k, v in kwargs.items() if hasattr(v, 'shape')}
    }
    classes = getattr(network, 'num_classes', None)
    if classes:
        found['classes'] = classes
    return found

"""What was changed about a network's structure before the run began.

A builder notes it on the network; the run's state saves it, and weights of
another shape are refused with its help. The note is a plain attribute: it is
in no ``state_dict``, and a deep copy (EMA) has it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmgancomp.families import Network

__all__ = [
    'PROBED', 'SCHEMA', 'groups_in', 'misfit', 'note', 'noted', 'recorded',
    'saved'
]

SCHEMA = 1
"""Version of the layout of plans, as files and in checkpoints."""

PROBED = 'probed'
"""Entry of a network's plan that holds its groups, where none declares them.

All other entries are groups, or the divisor.
"""

_ATTRIBUTE = 'mmgancomp_channels'


def note(network: nn.Module, entry: Mapping[str, Any]) -> None:
    """Note a network's part of a plan; other weights can't be loaded then.

    Args:
        network: The network as it was built.
        entry: Plain values.
    """
    setattr(network, _ATTRIBUTE, dict(entry))
    network.register_load_state_dict_pre_hook(_refuse_other_shapes)


def noted(network: nn.Module) -> dict[str, Any] | None:
    """A network's part of a plan; None if it is built as stock has it."""
    return getattr(network, _ATTRIBUTE, None)


def groups_in(entry: Mapping[str, Any]) -> int:
    """How many groups a network's part of a plan cuts."""
    return sum(name != PROBED for name in entry)


def saved(networks: Iterable[Network]) -> dict[str, Any]:
    """For the checkpoint: the plan that networks were built by, if any."""
    entries = {
        network.role: noted(network.module)
        for network in networks if noted(network.module) is not None
    }
    if not entries:
        return {}
    return {'channels': {'plan': {'schema': SCHEMA, 'networks': entries}}}


def recorded(network: Network) -> dict[str, Any]:
    """For the record: a network's part of the plan, if it has one."""
    entry = noted(network.module)
    if entry is None:
        return {}
    return {'channels': {k: v for k, v in entry.items() if k != PROBED}}


def misfit(network: nn.Module, prefix: str,
           given: Mapping[str, Any]) -> str | None:
    """Why weights are not of a narrowed network; None if they may be.

    Args:
        network: A network with a note.
        prefix: What its names begin with among the weights, with the dot.
        given: Name → tensor.
    """
    for name, own in network.state_dict().items():
        shape = getattr(given.get(prefix + name), 'shape', None)
        if shape is not None and shape != own.shape:
            entry = noted(network)
            if 'divisor' in entry:
                how = f'divisor={entry["divisor"]}'
                what = 'a checkpoint of a run with the same divisor'
            else:
                how = f'plan of {groups_in(entry)} channel groups'
                what = ('the slim.pth that `mmgancomp prune CONFIG '
                        'CHECKPOINT` wrote beside this plan, or a '
                        'checkpoint of a run that began with it')
            return (
                f'{prefix + name} is {tuple(shape)} there and '
                f'{tuple(own.shape)} in the network, which mmgancomp.Slimmed '
                f'({how}) has narrowed: name {what}, or none, to train from '
                'scratch (`mmgancomp profile CONFIG CHECKPOINT` tells '
                'whether the two fit)')
    return None


def _refuse_other_shapes(network: nn.Module, state: Mapping[str, Any],
                         prefix: str, *rest: Any) -> None:
    # MMEngine would warn about it and train on with fresh weights.
    wrong = misfit(network, prefix, state)
    if wrong is not None:
        raise ConfigError(f'the weights to load do not fit: {wrong}')

"""Prunes the networks of a built model, to a plan and to slim weights."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.families import Family, Network
from mmgancomp.files import write_whole
from mmgancomp.runtime.structure import SCHEMA, noted

from .finding import Found, find_groups
from .groups import Groups, Kept, check_kept
from .kill import kill
from .plan import ChannelPlan, NetworkPlan
from .remove import checked_removal, difference, example, outputs

__all__ = ['Pruned', 'Slim', 'prune_networks', 'restated', 'write']


@dataclass
class Slim:
    """One network before and after.

    Attributes:
        network: As the family describes it; its weights are whole.
        module: What was ranked: its EMA copy if it has one.
        small: That, cut.
        live: The network that trains, cut.
        groups: The groups it had.
        kept: What stays of them.
        killed: Difference that killing made to the output of ``module``,
            before any training, relative to the largest output.
        cut: Difference that removing what was killed made then: what
            rounding leaves.
    """

    network: Network
    module: nn.Module
    small: nn.Module
    live: nn.Module
    groups: Groups
    kept: Kept
    killed: float
    cut: float


@dataclass
class Pruned:
    """What pruning a model gives.

    Attributes:
        plan: By role; in the channel numbers of the stock networks.
        networks: Name → network before and after.
    """

    plan: ChannelPlan
    networks: dict[str, Slim] = field(default_factory=dict)


Decide = Callable[[str, list[Network], Groups], Kept | None]
"""Role, the networks of that role, their groups → what stays.

None leaves the networks of that role as they are.
"""


def ranked(network: Network) -> nn.Module:
    """The copy of a network that is looked at: the one that is used."""
    return network.module if network.ema is None else network.ema


def prune_networks(family: Family,
                   networks: list[Network],
                   decide: Decide,
                   call: Callable[[nn.Module], Any] | None = None,
                   known: Mapping[str, Groups] | None = None) -> Pruned:
    """Kill and remove channels of networks, role by role.

    Networks of one role are cut alike, as one config builds them.

    Args:
        family: The family of the model.
        networks: Which of its networks; with their weights.
        decide: Chooses the channels that stay.
        call: Makes arguments of a forward, as for
            :func:`~mmgancomp.channels.remove`.
        known: Role → the groups of its networks, where they are not to be
            looked for.

    Raises:
        ConfigError: A network's groups cannot be found, or what is decided
            is no plan of the network.
        RemovalError: Cutting would change a network's output.
    """
    roles: dict[str, list[Network]] = {}
    for network in networks:
        roles.setdefault(network.role, []).append(network)
    pruned, entries = {}, {}
    for role, members in roles.items():
        first = members[0]
        groups = (known or {}).get(role)
        if groups is None:
            groups = find_groups(family, first.module, first.name)
        kept = decide(role, members, groups)
        if kept is None:
            continue
        check_kept(groups, kept)
        for network in members:
            pruned[network.name] = _slim(family, network, groups, kept, call)
        entries[role] = restated(first.module, groups, kept)
    return Pruned(ChannelPlan(entries), pruned)


def _slim(family: Family, network: Network, groups: Groups, kept: Kept,
          call: Callable[[nn.Module], Any] | None) -> Slim:
    module = ranked(network)

    def arguments(bare: nn.Module) -> Any:
        return example(family, bare) if call is None else call(bare)

    dead = kill(module, kept, groups)
    args, kwargs = arguments(module)
    change = difference(*(outputs(family, net, args, kwargs)
                          for net in (module, dead)))
    small, cut = checked_removal(dead, kept, groups, call=arguments)
    live = small
    if network.ema is not None:
        live, other = checked_removal(
            kill(network.module, kept, groups), kept, groups, call=arguments)
        cut = max(cut, other)
    return Slim(network, module, small, live, groups, kept, change, cut)


def restated(module: nn.Module, groups: Groups, kept: Kept) -> NetworkPlan:
    """A plan of a narrowed network as one of its stock network.

    What a plan removed before stays removed; where widths were divided, the
    channels of the narrow network count as the first of the wide one. With
    groups that were probed, the plan holds those of the stock network.

    Args:
        module: The network that the plan is of.
        groups: Its groups.
        kept: The plan.
    """
    probed = groups if isinstance(groups, Found) and groups.probed else {}
    if noted(module) is None:
        return NetworkPlan(kept=kept, probed=probed)
    earlier = NetworkPlan.of(noted(module), 'channels')
    plan = {}
    for name, group in groups.items():
        base = earlier.kept.get(name, range(group.width))
        plan[name] = [base[c] for c in kept.get(name, range(group.width))]
    return NetworkPlan(kept=plan, probed=earlier.probed)


def state_dict(pruned: Pruned, whole: Mapping[str, Tensor],
               names: Mapping[int, str]) -> dict[str, Tensor]:
    """The weights of a whole model, those of pruned networks cut.

    Args:
        pruned: What was pruned.
        whole: The ``state_dict`` of the checkpoint, with stock names.
        names: ``id`` of a network's module → its path in the model.

    Raises:
        MMGanCompError: A pruned network is not there.
    """
    slim = dict(whole)
    for found in pruned.networks.values():
        pairs = [(found.network.module, found.live)]
        if found.network.ema is not None:
            pairs.append((found.network.ema, found.small))
        for module, small in pairs:
            prefix = names[id(module)] + '.'
            for key, value in small.state_dict().items():
                if prefix + key not in slim:
                    raise MMGanCompError(
                        f'{prefix + key} is not among the weights of the '
                        'model, which begin with ' + ', '.join(
                            list(slim)[:3]))
                slim[prefix + key] = value
    return {
        key: value.detach().cpu().clone()
        for key, value in slim.items()
    }


def write(folder: Path, plan: ChannelPlan, weights: Mapping[str, Tensor],
          meta: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write ``plan.json`` and ``slim.pth``, each whole or not at all.

    Args:
        folder: Where to; made if it is not there.
        plan: The plan.
        weights: The ``state_dict`` of the whole model.
        meta: Plain values to keep beside it.

    Returns:
        The two paths.
    """
    document = plan.document()
    buffer = io.BytesIO()
    torch.save(
        {
            'meta': dict(meta),
            'state_dict': dict(weights),
            'mmgancomp': {
                'schema': SCHEMA,
                'channels': {
                    'plan': document
                }
            }
        }, buffer)
    slim, path = folder / 'slim.pth', folder / 'plan.json'
    write_whole(slim, buffer.getvalue())
    plan.write(path)
    return path, slim

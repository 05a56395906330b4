"""Take gates and what they have closed out of trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from mmgancomp import families

from .gates import PIVOT, Gate
from .gating import drop_gates, gates_of
from .groups import Kept
from .kill import kill
from .remove import difference, example, outputs, remove
from .slicing import copy_of

__all__ = ['WithoutGates', 'closed_plan', 'without_gates']


@dataclass
class WithoutGates:
    """Networks of one config, cut to what their gates have left.

    Attributes:
        plan: Group → channels that stay, for all of them.
        networks: The networks, in the order that they were given in.
        forced: How many gates had not frozen by themselves.
        difference: The largest difference between the images of a network
            with its gates and without, relative to the largest value.
    """

    plan: Kept
    networks: list[nn.Module]
    forced: int
    difference: float


def closed_plan(network: nn.Module) -> dict[str, list[int]]:
    """Which channels stay once those that frozen gates have closed go.

    Args:
        network: A gated network.

    Returns:
        Group → channels; groups that no gate has thinned are left out.
    """
    _, groups = families.grouping(network)
    gates, plan = gates_of(network), {}
    for site in families.gate_sites(network):
        kept = torch.nonzero(gates[site.slot].kept).flatten().tolist()
        if len(kept) < gates[site.slot].kept.numel():
            plan[families.group_of(groups, site)] = kept
    return plan


def without_gates(networks: Sequence[nn.Module],
                  copies: Sequence[nn.Module] = (),
                  pivot: float = PIVOT) -> WithoutGates:
    """Cut gated networks to what is open, without their gates.

    Spectral norm is computed into the weights first: σ of what is left is
    another one. In eval mode the networks then do what they did with binary
    gates.

    Networks that share a config share a plan: a channel goes where all of
    them have closed it, and is zeroed where only some have.

    Args:
        networks: Trained, gated; left as they are.
        copies: Averages of them, which have their gates and are cut too.
        pivot: What counts as closed in gates that have not frozen.
    """
    binary = [copy_of(network) for network in (*networks, *copies)]
    forced = sum(_close(network, pivot) for network in binary[:len(networks)])
    for network in binary[len(networks):]:
        _close(network, pivot)
    own = [closed_plan(network) for network in binary]
    plan = _joint(binary[0], own)
    found = [
        _cut(given, closed, mine, plan)
        for given, closed, mine in zip((*networks, *copies), binary, own)
    ]
    return WithoutGates(plan, [network for network, _ in found], forced,
                        max(changed for _, changed in found))


def _close(network: nn.Module, pivot: float) -> int:
    gates: list[Gate] = list(gates_of(network).values())
    return sum(gate.binarise(pivot=pivot, force=True) for gate in gates)


def _joint(network: nn.Module,
           plans: Sequence[dict[str, list[int]]]) -> dict[str, list[int]]:
    _, groups = families.grouping(network)
    names = [name for name in groups
             if all(name in plan for plan in plans)]
    joint = {
        name: sorted({c for plan in plans for c in plan[name]})
        for name in names
    }
    return {name: kept for name, kept in joint.items()
            if len(kept) < groups[name].width}


def _cut(given: nn.Module, binary: nn.Module, own: Kept,
         plan: Kept) -> tuple[nn.Module, float]:
    family, _ = families.grouping(given)
    args, kwargs = example(family, given)
    before = outputs(family, given, args, kwargs)
    families.without_spectral_norm(binary)
    drop_gates(binary)
    smaller = remove(kill(binary, own), plan)
    after = outputs(family, smaller, args, kwargs)
    return smaller, difference(before, after)

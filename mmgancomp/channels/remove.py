"""Cuts killed channels out of a network, and checks that nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp import families
from mmgancomp.errors import MMGanCompError

from .groups import Groups, Kept, check_kept, removed
from .slicing import copy_of, cut

__all__ = [
    'TOLERANCE', 'RemovalError', 'checked_removal', 'difference', 'outputs',
    'remove'
]

TOLERANCE = 1e-4
"""Largest difference of outputs, relative to the largest output."""

Call = Callable[[nn.Module], tuple[tuple, Mapping[str, Any]]]
"""Network → arguments and keyword arguments of a legal forward."""


class RemovalError(MMGanCompError):
    """A network does not do the same without the channels to be removed."""


def remove(network: nn.Module,
           plan: Kept,
           groups: Groups | None = None,
           *,
           call: Call | None = None,
           tolerance: float = TOLERANCE) -> nn.Module:
    """A copy of a network without channels that have been killed.

    The two must give the same output: one forward of each, in eval mode, is
    compared, so that a channel that still lives, or a group that is declared
    wrongly, cannot go unnoticed.

    Args:
        network: What :func:`~mmgancomp.channels.kill` returned for this
            plan, trained on or not. Left as it is.
        plan: Group → channels that stay.
        groups: The network's groups. Defaults to those that its family
            declares.
        call: Makes the arguments of the forwards. Defaults to the example
            call of the family, with a batch of two.
        tolerance: The largest difference of outputs, relative to the
            largest output.

    Returns:
        The smaller network: of the same class, with the same names.

    Raises:
        ConfigError: The plan is not one of this network.
        NotOffered: No family knows the network's groups.
        RemovalError: The outputs differ, or are not finite.
    """
    return checked_removal(
        network, plan, groups, call=call, tolerance=tolerance)[0]


def checked_removal(network: nn.Module,
                    plan: Kept,
                    groups: Groups | None = None,
                    *,
                    call: Call | None = None,
                    tolerance: float = TOLERANCE) -> tuple[nn.Module, float]:
    """As :func:`remove`, with the difference that it found."""
    family = None
    if groups is None:
        family, groups = families.grouping(network)
    elif call is None:
        family = families.grouping(network)[0]
    check_kept(groups, plan)
    smaller = copy_of(network)
    cut(smaller, groups, plan)
    args, kwargs = (
        example(family, network) if call is None else call(network))
    before = outputs(family, network, args, kwargs)
    gone = removed(groups, plan)
    try:
        after = outputs(family, smaller, args, kwargs)
    except Exception as error:
        reason = (str(error).strip().splitlines() or ['no reason given'])[0]
        raise RemovalError(
            f'{type(network).__name__} cannot run without channels of '
            f'{", ".join(gone)} ({type(error).__name__}: {reason}): its '
            'groups do not name all that depends on how many there are'
        ) from error
    # The statistics of a dead channel are the root of their epsilon, not
    # zero: that much is lost, however small the output is.
    scale = float(any(groups[name].mean for name in gone))
    found = _compare(network, gone, before, after, tolerance, scale)
    return smaller, found


def example(family: families.Family,
            network: nn.Module,
            batch: int = 2) -> tuple[tuple, Mapping[str, Any]]:
    """Arguments of a forward, the same in each call, in the network's type."""
    args, kwargs = family.example_call(network, batch,
                                       torch.Generator().manual_seed(0))
    kind = next(network.parameters()).dtype
    return (tuple(_cast(value, kind) for value in args),
            {name: _cast(value, kind) for name, value in kwargs.items()})


def _cast(value: Any, kind: torch.dtype) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.to(kind)
    return value


@torch.no_grad()
def outputs(family: families.Family | None, network: nn.Module, args: tuple,
            kwargs: Mapping[str, Any]) -> Tensor:
    """Output of a forward in eval mode; modes as before after it."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng())
            torch.manual_seed(0)
            if family is not None:
                stack.enter_context(family.fixed_noise(network))
            return network(*args, **kwargs)
    finally:
        for module, training in modes:
            module.training = training


def difference(before: Tensor, after: Tensor, scale: float = 0.) -> float:
    """Largest difference relative to the largest of ``before``.

    Args:
        before: An output.
        after: Another, of the same shape.
        scale: What it is relative to at least.
    """
    before, after = before.detach(), after.detach()
    least = max(scale, torch.finfo(before.dtype).tiny)
    largest = before.abs().max().clamp(min=least)
    return float((before - after).abs().max() / largest)


def _compare(network: nn.Module, gone: Mapping[str, list[int]],
             before: Tensor, after: Tensor, tolerance: float,
             scale: float) -> float:
    kind = type(network).__name__
    if not torch.isfinite(before).all():
        raise RemovalError(
            f'{kind}: its output is not finite before anything is removed, '
            'so that nothing can be checked; spectral norm needs a few '
            'forwards in training mode first')
    found = difference(before, after, scale)
    if not found <= tolerance:
        raise RemovalError(
            f'{kind}: its output differs by {found:.1e} of its largest value '
            f'without channels of {", ".join(gone)} (at most '
            f'{tolerance:g} is allowed). Channels must be killed before they '
            'are removed')
    return found

"""Hang gates on a network, and find them again."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from mmgancomp.families import GateSite, transition_like

from .gates import DELTA, INITIAL, Gate

__all__ = ['GATES', 'TRANSITIONS', 'add_gates', 'add_transitions',
           'drop_gates', 'gates_of', 'is_gated']

GATES, TRANSITIONS = 'gates', 'transitions'


class _Through:
    """A forward hook that sends an output through further modules.

    An object, not a function: a deep copy of the network (EMA) gets hooks
    that hold the copied modules.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self.modules = modules

    def __call__(self, module: nn.Module, args: tuple,
                 output: Tensor) -> Tensor:
        for through in self.modules:
            output = through(output)
        return output


def add_transitions(network: nn.Module, sites: Iterable[GateSite]) -> None:
    """A 1×1 convolution before each residual addition: PPCD-GAN, §3.2.

    They are what lets the channels before them be removed: the sum keeps
    its width. Each has the spectral norm of the convolution before it.

    Args:
        network: Changed in place; nothing but ``transitions.*`` is new among
            its parameters.
        sites: Those that don't join a sum are passed over.
    """
    joining = [site for site in sites if site.joins]
    if not joining:
        return
    network.add_module(TRANSITIONS, nn.ModuleDict())
    for site in joining:
        conv = network.get_submodule(site.conv)
        transition = transition_like(conv, conv.out_channels)
        transition.to(next(conv.parameters()))
        network.transitions[site.slot] = transition
        network.get_submodule(site.after).register_forward_hook(
            _Through(transition))


def add_gates(network: nn.Module,
              sites: Iterable[GateSite],
              delta: float = DELTA,
              initial: tuple[float, float] = INITIAL,
              seed: int = 0) -> None:
    """Multiply the channels of each site by a gate's values.

    Add them before the transitions: hooks run in the order of their making.

    Args:
        network: Changed in place; nothing but ``gates.*`` is new in its
            ``state_dict``.
        sites: Where.
        delta: See :class:`~mmgancomp.channels.gates.Gate`.
        initial: Likewise.
        seed: Each gate has an order of its own that follows from it.
    """
    network.add_module(GATES, nn.ModuleDict())
    for number, site in enumerate(sites):
        conv = network.get_submodule(site.conv)
        gate = Gate(conv.out_channels // site.shuffled, delta, initial,
                    seed + number)
        gate.to(next(conv.parameters()).device)
        network.gates[site.slot] = gate
        for path in (site.after, *site.also):
            network.get_submodule(path).register_forward_hook(_Through(gate))


def is_gated(network: nn.Module) -> bool:
    """Whether a network has gates."""
    return any(isinstance(module, Gate) for module in network.modules())


def gates_of(network: nn.Module) -> dict[str, Gate]:
    """The gates of a network by name, in forward order."""
    return {
        path.removeprefix(f'{GATES}.'): module
        for path, module in network.named_modules()
        if isinstance(module, Gate)
    }


def drop_gates(network: nn.Module) -> None:
    """Take the gates out again, open or closed; transitions stay."""
    for module in network.modules():
        hooks = module._forward_hooks
        for key, hook in list(hooks.items()):
            if isinstance(hook, _Through) and isinstance(
                    hook.modules[0], Gate):
                del hooks[key]
    del network.gates


"""A network that teaches: it is asked, and never learns by being asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.families.base import Family
from mmgancomp.families.calls import Call

from .taps import RandomState, Taps

__all__ = ['Adapter', 'Teacher']

Adapter = Callable[[Call], tuple[tuple, dict[str, Any]]]
"""Makes a student's call one that a teacher understands."""


class Teacher:
    """Twins of the student's networks, frozen and in eval mode.

    It is no part of the student: not of its module tree, its distributed
    wrappers or its checkpoints.

    Args:
        name: Its name in the config.
        networks: Twins by the student's network names.
        family: Their family; None for the student's.
        adapt: Makes a call's arguments those that a twin takes; None where
            it takes what the student takes.

    Attributes:
        networks: As given; a network that nobody asks may be dropped.
        calls: How often a network was run.
    """

    def __init__(self, name: str, networks: Mapping[str, nn.Module],
                 family: Family | None = None,
                 adapt: Adapter | None = None) -> None:
        self.name = name
        self.family, self._adapt = family, adapt
        self.networks = dict(networks)
        self.calls = 0
        self._taps = {
            key: Taps(network)
            for key, network in self.networks.items()
        }
        self.freeze()

    def freeze(self) -> None:
        """Keep weights and running statistics as they are."""
        for network in self.networks.values():
            network.eval().requires_grad_(False)

    def keep(self, names: Iterable[str]) -> None:
        """Drop every other network."""
        names = set(names)
        self.networks = {
            name: network
            for name, network in self.networks.items() if name in names
        }
        self._taps = {name: self._taps[name] for name in self.networks}

    def to(self, device: torch.device) -> None:
        """Move to the student's device."""
        for network in self.networks.values():
            network.to(device)

    def tap(self, network: str, path: str, norm: str | None = None) -> str:
        """Keep the features of one module in each run from now on.

        Args:
            network: Which of the networks.
            path: The module.
            norm: A norm layer that they go through before they are kept.

        Returns:
            The name that the features then have.
        """
        if norm is not None:
            return self._taps[network].add_normed(path, norm)
        self._taps[network].add(path)
        return path

    def run(self, call: Call, args: tuple, kwargs: Mapping[str, Any],
            gradient: bool) -> Call:
        """Run the twin of the network that was called.

        Args:
            call: Which network, and under which random state.
            args: Positional arguments.
            kwargs: Keyword arguments.
            gradient: Whether gradient is to flow to the arguments; it never
                flows to the teacher.

        Returns:
            The output, with the features that are tapped.
        """
        network = self.networks[call.network]
        self.calls += 1
        if self._adapt is not None:
            args, kwargs = self._adapt(Call(call.network, args, dict(kwargs)))
        replay = Call(call.network, args, dict(kwargs))
        device = next(network.parameters()).device
        # A discriminator in eval mode draws nothing, and a generator that
        # is called under the student's state draws the student's noise.
        guard = RandomState.isolated(device) if call.random else nullcontext()
        with guard, torch.set_grad_enabled(
                gradient), self._taps[call.network].collect(replay.features):
            if call.random:
                call.random.restore()
            replay.output = network(*args, **kwargs)
        return replay

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Weights and buffers of all networks."""
        return {
            name: network.state_dict()
            for name, network in self.networks.items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        for name, network in self.networks.items():
            network.load_state_dict(state[name])

    def digest(self) -> str:
        """A short text that is another one for other weights."""
        total = hashlib.blake2b(digest_size=16)
        for name, state in self.state_dict().items():
            total.update(name.encode())
            for value in state.values():
                total.update(
                    value.detach().cpu().contiguous().flatten().view(
                        torch.uint8).numpy().tobytes() if value.dim() else
                    str(value.item()).encode())
        return total.hexdigest()

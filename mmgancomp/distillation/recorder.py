"""Record what a stock training step calls its networks with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from mmgancomp.families.base import Network
from mmgancomp.families.calls import Call

from .taps import RandomState, Taps, precision_of

__all__ = ['Recorder']


class Recorder:
    """Keeps the forward calls of one training iteration.

    Hooks sit on the bare networks, so that calls through distributed
    wrappers are seen as well.

    Args:
        networks: The student's networks by name.
        preprocessor: Makes the model's batches, if it has such a module.

    Attributes:
        batch: What it made in this iteration.
        calls: Calls of this iteration, in order.
        turn: Calls since the last update, in order.
        precision: Context with the mixed precision of the last call.
        keep_random: Whether generators' calls remember the state of the
            random number generators.
    """

    def __init__(self, networks: Mapping[str, Network],
                 preprocessor: nn.Module | None = None) -> None:
        self.networks = dict(networks)
        self.batch: Any = None
        self.precision: AbstractContextManager[Any] = nullcontext()
        self._preprocessor = preprocessor
        self.calls: list[Call] = []
        self.turn: list[Call] = []
        self.keep_random = False
        self._judged: list[Call] = []
        self._open: list[Call] = []
        self._paused = True
        self._handles: list[Any] = []
        self.taps = {
            name: Taps(network.module)
            for name, network in self.networks.items()
        }

    def attach(self) -> None:
        """Hang hooks on the networks; nothing is recorded yet."""
        if self._preprocessor is not None:
            self._handles.append(
                self._preprocessor.register_forward_hook(self._keep_batch))
        for name, network in self.networks.items():
            module = network.module

            def before(module: nn.Module, args: tuple, kwargs: dict,
                       name: str = name) -> None:
                self._begin(name, module, args, kwargs)

            def after(module: nn.Module, args: tuple, kwargs: dict,
                      output: Any, name: str = name) -> None:
                self._end(name, output)

            self._handles += [
                module.register_forward_pre_hook(before, with_kwargs=True),
                module.register_forward_hook(after, with_kwargs=True)
            ]

    def detach(self) -> None:
        """Take all hooks out again."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        for taps in self.taps.values():
            taps.remove()

    def _keep_batch(self, module: nn.Module, args: tuple,
                    output: Any) -> None:
        if not self._paused:
            self.batch = output

    def _begin(self, name: str, module: nn.Module, args: tuple,
               kwargs: dict[str, Any]) -> None:
        if self._paused:
            return
        call = Call(name, args, kwargs)
        # A network may have no parameters.
        device = next((p.device for p in module.parameters()),
                      torch.device('cpu'))
        self.precision = precision_of(device)
        if self.keep_random and self.networks[name].role == 'generator':
            call.random = RandomState(device)
        self.taps[name].start(call.features)
        self._open.append(call)

    def _end(self, name: str, output: Any) -> None:
        if self._paused:
            return
        call = self._open.pop()
        self.taps[name].stop()
        call.output = output
        self.calls.append(call)
        self.turn.append(call)

    def start(self) -> None:
        """Begin an iteration with nothing recorded."""
        self.clear()
        self._paused = False

    def clear(self) -> None:
        """Forget everything, and record nothing until the next start."""
        self._paused = True
        for call in self._open:
            # Whatever interrupted it: its taps must not stay open.
            self.taps[call.network].stop()
        self.calls, self.turn, self._judged, self._open = [], [], [], []
        self.batch = None

    def end_turn(self, place: str) -> None:
        """An update has been made with the calls of this turn."""
        if place == 'discriminator':
            self._judged = [
                call for call in self.turn
                if self.networks[call.network].role == 'discriminator'
            ]
        self.turn = []

    @property
    def before(self) -> list[Call]:
        """Calls of this iteration before the present turn."""
        return self.calls[:len(self.calls) - len(self.turn)]

    @property
    def judged(self) -> list[Call]:
        """Discriminators' calls of this iteration's discriminator turn."""
        return self._judged

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record no call of the block."""
        was, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = was

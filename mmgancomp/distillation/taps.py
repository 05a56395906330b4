"""Look into a network while it is called, and leave no trace in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    'RandomState', 'Taps', 'first_tensor', 'full_precision', 'precision_of',
    'spared_buffers'
]


class RandomState:
    """State of the generators that a network's forward may draw from.

    Args:
        device: The network's device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda = (
            torch.cuda.get_rng_state(device)
            if device.type == 'cuda' else None)
        self._python = random.getstate()

    def restore(self) -> None:
        """Put the generators back."""
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
        random.setstate(self._python)

    @classmethod
    @contextmanager
    def isolated(cls, device: torch.device) -> Iterator[None]:
        """Leave the generators after the block as they were before it."""
        before = cls(device)
        try:
            yield
        finally:
            before.restore()


def first_tensor(output: Any) -> Tensor | None:
    """The tensor that a module returned, the first one of several."""
    if isinstance(output, (tuple, list)):
        output = next((x for x in output if isinstance(x, Tensor)), None)
    return output if isinstance(output, Tensor) else None


def full_precision(tensor: Tensor) -> Tensor:
    """Half precision as single; anything else as it is."""
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.float() if half else tensor


def precision_of(device: torch.device) -> torch.autocast:
    """A context with the mixed precision that is switched on now."""
    kind = device.type
    return torch.autocast(
        kind,
        torch.get_autocast_dtype(kind),
        enabled=torch.is_autocast_enabled(kind))


class Taps:
    """Keeps what modules inside a network return.

    Args:
        network: The network; it gets hooks and nothing else.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._handles: dict[str, Any] = {}
        self._kept: list[dict[str, Tensor]] = []

    def add(self, path: str) -> None:
        """Keep the output of one more module."""
        if path not in self._handles:
            module = self._network.get_submodule(path)
            self._handles[path] = module.register_forward_hook(
                partial(self._keep, path))

    def add_normed(self, path: str, norm: str) -> str:
        """Keep what a norm layer makes of another module's output.

        It is called once more, with that output in place of its input and
        the other arguments (a class, a share of the latents) of its own
        call, which comes later.

        Returns:
            The name under which the features are kept.
        """
        self.add(path)
        name = f'{path}|{norm}'
        if name not in self._handles:
            module = self._network.get_submodule(norm)
            self._handles[name] = module.register_forward_hook(
                partial(self._keep_normed, name, path), with_kwargs=True)
        return name

    def _keep_normed(self, name: str, path: str, module: nn.Module,
                     args: tuple, kwargs: dict[str, Any],
                     output: Any) -> None:
        if self._kept and path in self._kept[-1]:
            # Not by calling it: that would come here again.
            self._kept[-1][name] = module.forward(
                self._kept[-1][path], *args[1:], **kwargs)

    def remove(self) -> None:
        """Take all hooks out again."""
        for handle in self._handles.values():
            handle.remove()
        self._handles.clear()

    def _keep(self, path: str, module: nn.Module, args: tuple,
              output: Any) -> None:
        tensor = first_tensor(output)
        if self._kept and tensor is not None:
            # The next layer's activation may work in place.
            self._kept[-1][path] = tensor.clone()

    @contextmanager
    def collect(self, features: dict[str, Tensor]) -> Iterator[None]:
        """Fill ``features`` with what is kept during the block."""
        self.start(features)
        try:
            yield
        finally:
            self.stop()

    def start(self, features: dict[str, Tensor]) -> None:
        """Fill ``features`` from now on."""
        self._kept.append(features)

    def stop(self) -> None:
        """Stop filling what was started last."""
        self._kept.pop()


@contextmanager
def spared_buffers(network: nn.Module) -> Iterator[None]:
    """Let forward calls move copies of a network's buffers.

    Batch statistics and the vectors of spectral norm move with each call in
    training mode; after the block they are what they were, to the bit. So
    is ``weight`` under spectral norm or equalised learning rate, a plain
    attribute that each call computes anew: before the first call it shares
    its memory with the raw weight, and MMagic initialises through it.
    """
    buffers = [(module._buffers, name, value) for module in network.modules()
               for name, value in module._buffers.items()
               if value is not None]
    plain = [(vars(module), name, value) for module in network.modules()
             for name, value in vars(module).items()
             if isinstance(value, Tensor)]
    for owner, name, value in buffers:
        owner[name] = value.clone()
    try:
        yield
    finally:
        for owner, name, value in buffers + plain:
            owner[name] = value

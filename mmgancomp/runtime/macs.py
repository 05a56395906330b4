"""Multiply-accumulates of one torch network, as torch counts them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode

__all__ = ['inference', 'macs']


@contextlib.contextmanager
def inference(network: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients; modes and random state as before after it."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            yield
    finally:
        for module, training in modes:
            module.training = training


def macs(network: nn.Module, args: tuple,
         kwargs: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    """Multiply-accumulates that one image costs, as torch counts them.

    Convolutions, matrix products and attention count; norms, activations
    and other elementwise work do not. Zeros are multiplied like any number.
    What a forward spends on its weights, whatever the batch (spectral norm
    that is recomputed each time), is no image's.

    Args:
        network: The network.
        args: Arguments of a forward with a batch of one.
        kwargs: Keyword arguments of it.

    Returns:
        The total, and each module's own share by path (without that of its
        children; the root's path is ``''``). The shares add up to the total.
    """
    counts = _count(network, args, kwargs)
    if _makes_weights(network, counts):
        pair = _count(network, tuple(map(_twice, args)),
                      {k: _twice(v) for k, v in kwargs.items()})
        counts = {
            path: {
                operation: found - counts.get(path, {}).get(operation, 0)
                for operation, found in operations.items()
            }
            for path, operations in pair.items()
        }
    inside = {
        path: sum(operations.values()) // 2
        for path, operations in counts.items()
    }
    total = inside.pop('', 0)
    return total, _own_shares(network, inside, total)


def _count(network: nn.Module, args: tuple,
           kwargs: Mapping[str, Any]) -> dict[str, dict[Any, int]]:
    """Path → operation → FLOPs, children's included; the root's is ``''``."""
    with inference(network), FlopCounterMode(display=False) as counter:
        network(*args, **kwargs)
    root, counts = type(network).__name__, {}
    for path, operations in counter.get_flop_counts().items():
        if path == 'Global':
            counts[''] = dict(operations)
        elif path.startswith(f'{root}.'):
            counts[path[len(root) + 1:]] = dict(operations)
    return counts


def _makes_weights(network: nn.Module,
                   counts: Mapping[str, Mapping[Any, int]]) -> bool:
    """Whether a convolution does more than to convolve: its own weight."""
    return any(
        isinstance(module, _ConvNd) and len(counts.get(path, ())) > 1
        for path, module in network.named_modules())


def _twice(value: Any) -> Any:
    return torch.cat([value, value]) if isinstance(value, Tensor) else value


def _own_shares(network: nn.Module, inside: dict[str, int],
                total: int) -> dict[str, int]:
    own = {path: 0 for path, _ in network.named_modules()}
    own.update((path, count) for path, count in inside.items() if path in own)
    own[''] = total
    result = dict(own)
    for path in own:
        if path:
            # Lists and dicts of modules are never called, so a module's
            # caller is the nearest ancestor that was counted.
            parent = path.rpartition('.')[0]
            while parent and parent not in inside:
                parent = parent.rpartition('.')[0]
            result[parent] -= own[path]
    return result

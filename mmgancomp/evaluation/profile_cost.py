"""Parameters, non-zeros, MACs and bytes of one torch network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode

from mmgancomp.errors import MMGanCompError
from mmgancomp.sparsity.packed import masks_of_zeros, packed_bytes

__all__ = ['inference', 'inference_bytes', 'layer_costs', 'macs', 'weights']


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


def weights(network: nn.Module, maskable: Sequence[str],
            masks: Mapping[str, Tensor] | None) -> dict[str, Any]:
    """Count parameters, non-zeros, and what is kept of the maskable ones.

    Args:
        network: The network; every parameter counts once, buffers never.
        maskable: Names of the weights that a mask could cover; used where
            there are no masks, whose place the zeros then take.
        masks: Parameter name → boolean mask, or None.

    Returns:
        ``params``, ``nonzero``, ``maskable``, ``kept``, ``density`` and
        ``density_by`` (``'mask'`` or ``'zeros'``); the last four only where
        something is maskable.
    """
    named = dict(network.named_parameters())
    counts: dict[str, Any] = dict(
        params=sum(weight.numel() for weight in named.values()),
        nonzero=sum(_nonzero(weight) for weight in named.values()))
    names = list(maskable) if masks is None else list(masks)
    for name in names:
        if name not in named:
            raise MMGanCompError(
                f'{name} is to be masked, but {type(network).__name__} has '
                'no such parameter')
    if names:
        kept = sum(
            _nonzero(named[name] if masks is None else masks[name])
            for name in names)
        total = sum(named[name].numel() for name in names)
        counts.update(
            maskable=total,
            kept=kept,
            density=kept / total,
            density_by='zeros' if masks is None else 'mask')
    return counts


def _nonzero(tensor: Tensor) -> int:
    return int(torch.count_nonzero(tensor.detach()))


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


def layer_costs(network: nn.Module, shares: Mapping[str, int],
                maskable: Sequence[str],
                masks: Mapping[str, Tensor] | None) -> list[dict[str, Any]]:
    """One entry per module with parameters or MACs of its own.

    Args:
        network: The network.
        shares: Each module's own MACs, from :func:`macs`.
        maskable: As for :func:`weights`.
        masks: As for :func:`weights`.
    """
    covered = set(maskable if masks is None else masks)
    rows = []
    for path, module in network.named_modules():
        own = {
            f'{path}.{name}' if path else name: weight
            for name, weight in module.named_parameters(recurse=False)
        }
        executed = shares.get(path, 0)
        if not own and not executed:
            continue
        row: dict[str, Any] = dict(
            name=path or '(top)',
            type=type(module).__name__,
            params=sum(weight.numel() for weight in own.values()),
            nonzero=sum(_nonzero(weight) for weight in own.values()),
            macs=dict(executed=executed))
        if own:
            row['shape'] = list(max(own.values(), key=Tensor.numel).shape)
        names = [name for name in own if name in covered]
        if names:
            kept = sum(
                _nonzero(own[name] if masks is None else masks[name])
                for name in names)
            total = sum(own[name].numel() for name in names)
            row.update(maskable=total, kept=kept, density=kept / total)
        rows.append(row)
    return rows


def inference_bytes(network: nn.Module,
                    maskable: Sequence[str],
                    masks: Mapping[str, Tensor] | None) -> dict[str, int]:
    """Size of the weights that inference needs, as files.

    Returns:
        ``bytes``: a plain safetensors file of the ``state_dict``;
        ``bytes_packed``: one that stores pruned weights as single bits.
    """
    tensors = {
        name: _single(value)
        for name, value in network.state_dict().items()
        if isinstance(value, Tensor)
    }
    if masks is None:
        masks = masks_of_zeros(tensors, maskable)
    return dict(
        bytes=len(save(tensors)), bytes_packed=packed_bytes(tensors, masks))


def _single(value: Tensor) -> Tensor:
    """Dense, on the CPU, in fp32 where it is a float; shares no memory."""
    kind = torch.float32 if value.is_floating_point() else value.dtype
    return value.detach().to('cpu', kind, copy=True).contiguous()

"""Parameters, non-zeros, MACs and bytes of one torch network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.sparsity.packed import masks_of_zeros, packed_bytes

__all__ = ['inference_bytes', 'layer_costs', 'weights']


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

"""Sparse tensors on disk: one bit per weight plus the weights that are kept.

A packed file is a safetensors file. A masked tensor ``name`` becomes
``name::bits`` (uint8, eight weights per byte, first weight in the highest
bit) and ``name::values`` (the kept weights in memory order); every other
tensor is stored as it is. The text metadata has one entry,
``mmgancomp-packed``: JSON with the format's version, the shapes of the masked
tensors, and ``info``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mmgancomp.errors import MMGanCompError
from mmgancomp.files import write_whole

__all__ = [
    'load', 'masks_of_zeros', 'pack', 'pack_mask', 'packed_bytes',
    'save_packed', 'unpack', 'unpack_mask'
]

FORMAT = 'mmgancomp-packed'
VERSION = 1

# A mask costs one bit per weight of 32: below this share of zeros it does
# not pay.
_WORTH_PACKING = 1 / 32


def pack_mask(mask: Tensor) -> Tensor:
    """Eight booleans per byte, as a flat uint8 tensor on the CPU."""
    flat = mask.detach().cpu().contiguous().view(-1).numpy()
    return torch.from_numpy(np.packbits(flat))


def unpack_mask(bits: Tensor, shape: list[int] | tuple[int, ...]) -> Tensor:
    """The boolean mask of ``shape`` behind :func:`pack_mask`'s bytes.

    Raises:
        MMGanCompError: If the number of bytes does not fit the shape, or
            these are neither.
    """
    if not isinstance(bits, Tensor) or not _is_shape(shape):
        raise MMGanCompError('a packed mask is bytes and a shape')
    count = math.prod(shape)
    if bits.dtype != torch.uint8 or bits.numel() != (count + 7) // 8:
        raise MMGanCompError(
            f'a packed mask of {bits.numel()} bytes cannot have shape '
            f'{tuple(shape)}')
    flat = np.unpackbits(bits.cpu().numpy(), count=count)
    return torch.from_numpy(flat.astype(bool)).view(tuple(shape))


def pack(tensors: Mapping[str, Tensor],
         masks: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict]:
    """Split masked tensors into bits and kept values.

    Args:
        tensors: Name → tensor, for example a ``state_dict``.
        masks: Name → boolean mask of the same shape, for some of them.

    Returns:
        The tensors to store, and the shapes of the masked ones by name.

    Raises:
        MMGanCompError: If a mask has no tensor, another shape, or if a
            pruned entry is not zero (it would be lost without a word).
    """
    stored, shapes = {}, {}
    for name in masks:
        if name not in tensors:
            raise MMGanCompError(f'a mask for {name}, but no such tensor')
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        mask = masks.get(name)
        if mask is None:
            stored[name] = tensor
            continue
        mask = mask.cpu()
        if mask.shape != tensor.shape:
            raise MMGanCompError(
                f'the mask for {name} has shape {tuple(mask.shape)}, the '
                f'tensor {tuple(tensor.shape)}')
        if bool((tensor != 0).logical_and_(~mask).any()):
            raise MMGanCompError(f'{name} has pruned entries that are not 0')
        stored[f'{name}::bits'] = pack_mask(mask)
        stored[f'{name}::values'] = tensor[mask]
        shapes[name] = list(tensor.shape)
    return stored, shapes


def unpack(
    stored: Mapping[str, Tensor], shapes: Mapping[str, list[int]]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Undo :func:`pack`: all tensors, dense again, and the masks."""
    tensors, masks = {}, {}
    for name, value in stored.items():
        base, _, part = name.rpartition('::')
        if part == 'values' and base in shapes:
            continue
        if part != 'bits' or base not in shapes:
            tensors[name] = value
            continue
        mask = unpack_mask(value, shapes[base])
        kept = stored.get(f'{base}::values')
        if kept is None or kept.numel() != int(mask.count_nonzero()):
            raise MMGanCompError(f'{base}: the kept values do not fit the '
                                 'mask')
        dense = torch.zeros(shapes[base], dtype=kept.dtype)
        dense[mask] = kept.reshape(-1)
        tensors[base], masks[base] = dense, mask
    return tensors, masks


def masks_of_zeros(tensors: Mapping[str, Tensor],
                   names: Iterable[str]) -> dict[str, Tensor]:
    """Masks in whose place zeros stand, where packing them saves bytes.

    Args:
        tensors: Name → tensor.
        names: Those that a mask could cover.
    """
    masks = {name: tensors[name] != 0 for name in names}
    return {
        name: mask
        for name, mask in masks.items()
        if mask.numel() * (1 - _WORTH_PACKING) > int(mask.count_nonzero())
    }


def packed_bytes(tensors: Mapping[str, Tensor],
                 masks: Mapping[str, Tensor],
                 info: Mapping[str, Any] | None = None) -> int:
    """Size in bytes that :func:`save_packed` would write."""
    stored, shapes = pack(tensors, masks)
    return len(save(stored, _metadata(shapes, info or {})))


def save_packed(path: str | Path,
                tensors: Mapping[str, Tensor],
                masks: Mapping[str, Tensor],
                info: Mapping[str, Any] | None = None) -> int:
    """Write a packed file, whole or not at all.

    Args:
        path: The file.
        tensors: Name → tensor.
        masks: Name → mask, for some of them.
        info: Anything JSON can hold; comes back from :func:`load`.

    Returns:
        The file's size in bytes.
    """
    stored, shapes = pack(tensors, masks)
    content = save(stored, _metadata(shapes, info or {}))
    write_whole(path, content)
    return len(content)


def load(
    path: str | Path
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Read a packed file.

    Returns:
        All tensors (dense), the masks, and the ``info`` it was saved with.

    Raises:
        MMGanCompError: If the file is missing, damaged or of another kind.
    """
    try:
        with safe_open(str(path), framework='pt') as file:
            metadata = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise MMGanCompError(f'{path}: no such file') from None
    except (SafetensorError, OSError) as error:
        raise MMGanCompError(
            f'{path} is not a packed file, or is damaged: {error}') from error
    if FORMAT not in metadata:
        raise MMGanCompError(f'{path} is safetensors, but no packed file')
    try:
        header = json.loads(metadata[FORMAT])
        version = header['version']
        shapes, info = header['shapes'], header['info']
        fits = isinstance(info, dict) and _are_shapes(shapes)
    except (KeyError, TypeError, ValueError, RecursionError):
        fits = False
    if not fits:
        raise MMGanCompError(f'{path}: damaged metadata')
    if type(version) is not int or version != VERSION:
        raise MMGanCompError(
            f'{path} has packed format version {version}; '
            f'this release reads {VERSION}')
    try:
        tensors, masks = unpack(stored, shapes)
    except MMGanCompError as error:
        raise MMGanCompError(f'{path} is damaged: {error}') from error
    return tensors, masks, info


def _are_shapes(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_shape, value.values()))


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        type(size) is int and 0 <= size < 2**63 for size in value)


def _metadata(shapes: Mapping[str, list[int]],
              info: Mapping[str, Any]) -> dict[str, str]:
    # One entry: safetensors writes several in an order that changes from
    # process to process, and equal content is to be equal bytes.
    header = {'version': VERSION, 'shapes': shapes, 'info': info}
    return {FORMAT: json.dumps(header, sort_keys=True)}

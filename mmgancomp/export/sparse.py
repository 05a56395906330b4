"""The packed file: all generators of a model, pruned weights as bits.

It is a packed file (:mod:`mmgancomp.sparsity.packed`). Of a network that is
called ``generators.photo``, the entry ``model.0.weight`` of its
``state_dict`` is ``generators.photo/model.0.weight`` there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError, MMGanCompError, closest
from mmgancomp.runtime.weights import differences
from mmgancomp.sparsity.packed import load, masks_of_zeros, pack, save_packed

if TYPE_CHECKING:
    from mmgancomp.evaluation.profile_model import Subject

__all__ = [
    'DTYPES', 'SparseFile', 'SparseNetwork', 'fill', 'read_sparse',
    'write_sparse'
]

DTYPES = {'fp32': torch.float32, 'fp16': torch.float16}
"""How weights can be stored."""

KIND = 'generators'
_SHOWN = 5


@dataclass(frozen=True)
class SparseNetwork:
    """One network of a packed file.

    Attributes:
        state: Its ``state_dict``, dense; floats are of the stored kind.
        masks: Parameter name → boolean mask of what was stored.
        weights: ``'ema'`` or ``'live'``: which of a model's it holds.
    """

    state: dict[str, Tensor]
    masks: dict[str, Tensor]
    weights: str


@dataclass(frozen=True)
class SparseFile:
    """What writing one came to; bytes throughout.

    Attributes:
        bytes: Size of the file.
        dense: Size of all its tensors, dense in fp32.
        masked: What the masked tensors take in it, masks included.
        masked_dense: What they take dense, in fp32.
        unmasked: Name → what it takes, of the tensors without a mask, the
            largest first.
    """

    bytes: int
    dense: int
    masked: int
    masked_dense: int
    unmasked: dict[str, int]

    @property
    def largest(self) -> dict[str, int]:
        """The largest of the unmasked tensors."""
        return dict(list(self.unmasked.items())[:_SHOWN])


def write_sparse(path: str | Path,
                 subjects: Sequence[Subject],
                 dtype: str = 'fp32') -> SparseFile:
    """Write the inference weights of generators, whole or not at all.

    Masks are those of the checkpoint. Without them zeros stand for pruned
    weights, also where an average does not keep to the masks.

    Args:
        path: The file.
        subjects: The networks, with their weights loaded.
        dtype: ``'fp32'``, exact, or ``'fp16'``, rounded.

    Raises:
        ConfigError: A weight that fp16 cannot hold.
    """
    tensors: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    for subject in subjects:
        state = {
            name: _stored(f'{subject.name}/{name}', value, dtype)
            for name, value in subject.module.state_dict().items()
        }
        own = subject.masks
        if own is None or not _hold(own, state):
            own = masks_of_zeros(state, own or subject.maskable)
        tensors |= {f'{subject.name}/{k}': v for k, v in state.items()}
        masks |= {f'{subject.name}/{k}': v for k, v in own.items()}
    info = dict(
        kind=KIND,
        dtype=dtype,
        digest=_digest(tensors, masks),
        networks={subject.name: subject.weights for subject in subjects})
    size = save_packed(path, tensors, masks, info)
    stored, _ = pack({name: tensors[name] for name in masks}, masks)
    plain = {n: _bytes(v) for n, v in tensors.items() if n not in masks}
    return SparseFile(
        bytes=size,
        dense=sum(map(_dense_bytes, tensors.values())),
        masked=sum(map(_bytes, stored.values())),
        masked_dense=sum(_dense_bytes(tensors[name]) for name in masks),
        unmasked=dict(sorted(plain.items(), key=lambda item: -item[1])))


def _hold(masks: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> bool:
    """Whether all that is masked is zero."""
    return not any(
        bool(state[name].masked_fill(mask, 0).any())
        for name, mask in masks.items())


def _stored(name: str, value: Tensor, dtype: str) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value.clone()
    # A copy: safetensors refuses tensors that share memory.
    rounded = value.to(DTYPES[dtype], copy=True)
    if value.isfinite().all() and not rounded.isfinite().all():
        raise ConfigError.at(
            '--dtype', dtype, f'{name} has a weight of '
            f'{float(value.abs().max()):g}, which it cannot hold; fp32 can')
    return rounded


def _bytes(value: Tensor) -> int:
    return value.numel() * value.element_size()


def _dense_bytes(value: Tensor) -> int:
    return value.numel() * (4 if value.is_floating_point() else
                            value.element_size())


def _digest(tensors: Mapping[str, Tensor],
            masks: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for kind in (tensors, masks):
        for name in sorted(kind):
            value = kind[name]
            found.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
            found.update(value.contiguous().view(-1).view(torch.uint8).numpy()
                         if value.numel() else b'')
    return found.hexdigest()


def read_sparse(path: str | Path) -> dict[str, SparseNetwork]:
    """Read a packed file of generators.

    Example:
        ``generator.load_state_dict(read_sparse(path)['generator'].state)``

    Returns:
        Name of the network → its weights.

    Raises:
        MMGanCompError: If the file is missing, damaged or of another kind.
    """
    tensors, masks, info = load(path)
    if info.get('kind') != KIND:
        what = ('a ticket: it holds what training starts from'
                if isinstance(info.get('networks'), dict) else
                'of another kind')
        raise MMGanCompError(
            f'{path} is {what}; this needs a file of '
            '`mmgancomp export … --to sparse`')
    if info.get('digest') != _digest(tensors, masks):
        raise MMGanCompError(
            f'{path} is damaged: its weights are not those that were written')
    networks = info.get('networks')
    if not isinstance(networks, dict) or not set(
            map(str, networks.values())) <= {'ema', 'live'}:
        raise MMGanCompError(f'{path}: damaged metadata')
    return {
        name: SparseNetwork(_of(tensors, name), _of(masks, name), weights)
        for name, weights in networks.items()
    }


def _of(tensors: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    prefix = f'{network}/'
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items() if name.startswith(prefix)
    }


def fill(module: nn.Module, name: str, path: str | Path,
         stored: Mapping[str, Any]) -> None:
    """Load one network from what :func:`read_sparse` gave.

    Args:
        module: The network; its own kind of numbers stays.
        name: What it is called.
        path: The file, for errors.
        stored: Name → weights.

    Raises:
        ConfigError: The file has no such network, or of another shape.
    """
    if name not in stored:
        raise ConfigError.at('checkpoint', str(path),
                             f'holds no {name}; {closest(name, stored)}')
    wrong = differences(module.state_dict(), stored[name].state)
    if wrong:
        raise ConfigError.at('checkpoint', str(path),
                             f'does not fit the config at {name}: {wrong}')
    module.load_state_dict(stored[name].state, strict=True)

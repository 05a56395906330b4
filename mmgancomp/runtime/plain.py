"""Values that ``torch.load(weights_only=True)`` opens as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

__all__ = ['history_from_plain', 'history_to_plain', 'to_plain']

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def to_plain(value: Any) -> Any:
    """Copy a nested value into tensors, numbers, strings, lists and dicts.

    NumPy scalars become numbers, NumPy arrays tensors, paths strings. An
    object of any other type becomes its ``repr``: a checkpoint holds such
    things for people to read (meta data), never for training.
    """
    if isinstance(value, torch.Tensor):
        # A plain tensor: a Parameter would drag its hooks along.
        return value.detach() if value.requires_grad else value
    if isinstance(value, np.ndarray):
        if value.dtype.kind in 'biuf':
            return torch.from_numpy(np.ascontiguousarray(value).copy())
        return to_plain(value.tolist())
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {to_plain(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(to_plain(v) for v in value)
    if isinstance(value, (list, set, frozenset)):
        return [to_plain(v) for v in value]
    if isinstance(value, PurePath):
        return str(value)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return repr(value)


def history_to_plain(scalars: Mapping[str, HistoryBuffer]) -> dict:
    """The log scalars of a message hub as tensors."""
    return {
        name: {
            'values': to_plain(np.asarray(buffer.data[0], dtype=np.float64)),
            'counts': to_plain(np.asarray(buffer.data[1], dtype=np.int64)),
            'max_length': buffer.max_length
        }
        for name, buffer in scalars.items()
    }


def history_from_plain(scalars: Mapping[str, Mapping]) -> dict:
    """Undo :func:`history_to_plain`."""
    return {
        name: HistoryBuffer(kept['values'].tolist(),
                            kept['counts'].tolist(), kept['max_length'])
        for name, kept in scalars.items()
    }

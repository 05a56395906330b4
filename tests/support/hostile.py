"""Checkpoints that open as such, and hold what a network cannot take."""

from __future__ import annotations

import copy
import io
import zipfile
from collections.abc import Callable
from typing import Any

import torch

__all__ = ['MASKS', 'SHAPES', 'WEIGHTS', 'compressed', 'saved', 'spoiled']

Change = Callable[[dict[str, Any], str], Any]
"""Spoils a checkpoint in place, or gives what stands in its stead; the text
is the name of one of its weights."""


def saved(content: Any) -> bytes:
    """What ``torch.save`` writes."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def spoiled(checkpoint: dict[str, Any], change: Change) -> bytes:
    """The file of a checkpoint after a change."""
    own = copy.deepcopy(checkpoint)
    name = next(key for key, value in own['state_dict'].items()
                if key.startswith('generator') and value.dim() == 4)
    found = change(own, name)
    return saved(own if found is None else found[0])


def compressed(content: bytes) -> bytes:
    """The same archive, of a fraction of the size."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as one, zipfile.ZipFile(
            file, 'w', zipfile.ZIP_DEFLATED) as other:
        for entry in one.infolist():
            other.writestr(entry.filename, one.read(entry))
    return file.getvalue()


def _value(make: Callable[[torch.Tensor], Any]) -> Change:

    def change(checkpoint: dict[str, Any], name: str) -> None:
        state = checkpoint['state_dict']
        state[name] = make(state[name])

    return change


def _state(make: Callable[[dict[str, Any]], Any]) -> Change:

    def change(checkpoint: dict[str, Any], name: str) -> None:
        checkpoint['state_dict'] = make(checkpoint['state_dict'])

    return change


def _instead(value: Any) -> Change:
    return lambda checkpoint, name: (value, )


WEIGHTS: dict[str, Change] = {
    'a list': _instead([1, 2]),
    'a number': _instead(3),
    'text': _instead('weights'),
    'nothing': _instead(None),
    'one tensor': _instead(torch.ones(3)),
    'an empty dict': _instead({}),
    'weights are a list': _state(lambda state: [1]),
    'weights are text': _state(lambda state: 'abc'),
    'weights are nothing': _state(lambda state: None),
    'weights are one tensor': _state(lambda state: torch.ones(2)),
    'weights have numbers for names': _state(
        lambda state: dict(enumerate(state.values()))),
    'one name is a number': _state(lambda s: {**s, 5: torch.ones(2)}),
    'one name is a tuple': _state(lambda s: {**s, (1, 2): torch.ones(2)}),
    'a weight is text': _value(lambda w: 'x'),
    'a weight is nothing': _value(lambda w: None),
    'a weight is a list': _value(lambda w: w.tolist()),
    'a weight is a dict': _value(lambda w: dict(shape=w.shape)),
    'a weight is not a number': _value(lambda w: w * float('nan')),
    'a weight is infinite': _value(lambda w: w + float('inf')),
    'a weight is of integers': _value(lambda w: w.long()),
    'a weight is complex': _value(lambda w: w + 1j),
    'a weight is of booleans': _value(lambda w: w > 0),
    'a weight is sparse': _value(lambda w: w.to_sparse()),
    'a weight has no content': _value(lambda w: w.to('meta')),
    'a weight is quantised': _value(
        lambda w: torch.quantize_per_tensor(w, .1, 0, torch.qint8)),
}
"""What no command may take for weights."""

SHAPES: dict[str, Change] = {
    'a weight has no axis': _value(lambda w: w.sum()),
    'a weight is empty': _value(lambda w: w[:0]),
    'a weight is said to be huge': _value(
        lambda w: torch.zeros(1).expand(10**6, 10**6)),
}
"""What is refused wherever all weights have to fit."""


def _masks(change: Callable[[dict[str, Any], str], Any]) -> Change:

    def spoil(checkpoint: dict[str, Any], name: str) -> None:
        masks = checkpoint['mmgancomp']['sparsity']['generator']['masks']
        change(masks, next(iter(masks)))

    return spoil


def _put(checkpoint: dict[str, Any], *path: Any) -> None:
    *above, last, value = path
    for key in above:
        checkpoint = checkpoint[key]
    checkpoint[last] = value


MASKS: dict[str, Change] = {
    'ours is a list': lambda c, n: _put(c, 'mmgancomp', [1]),
    'ours is text': lambda c, n: _put(c, 'mmgancomp', 'x'),
    'sparsity is a list': lambda c, n: _put(c, 'mmgancomp', 'sparsity', [1]),
    'a network is a list': lambda c, n: _put(
        c, 'mmgancomp', 'sparsity', 'generator', [1]),
    'masks are text': lambda c, n: _put(
        c, 'mmgancomp', 'sparsity', 'generator', 'masks', 'x'),
    'a mask is a number': _masks(lambda m, n: _put(m, n, 1)),
    'a mask has no bits': _masks(lambda m, n: m[n].pop('bits')),
    'bits are a list': _masks(lambda m, n: _put(m, n, 'bits', [1])),
    'a shape is negative': _masks(lambda m, n: _put(m, n, 'shape', [-1, -8])),
    'a shape is huge': _masks(
        lambda m, n: _put(m, n, 'shape', [2**62, 2**62])),
    'a shape is text': _masks(lambda m, n: _put(m, n, 'shape', 'abc')),
    'a shape is another one': _masks(
        lambda m, n: _put(m, n, 'shape', [1, 8 * m[n]['bits'].numel()])),
    'a mask of nothing': _masks(lambda m, n: _put(m, '../x', m[n])),
}
"""Masks of a checkpoint of ours that no network can have."""

"""Every random number generator that training draws from, as tensors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = ['capture', 'isolated', 'restore']


def capture() -> dict[str, Any]:
    """State of Python's, NumPy's and torch's generators, CUDA's included."""
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    state = {
        'python': {
            'version': version,
            'internal': list(internal),
            'gauss': gauss
        },
        'numpy': {
            'name': name,
            'keys': torch.from_numpy(keys.astype(np.int64)),
            'position': int(position),
            'has_gauss': int(has_gauss),
            'cached': float(cached)
        },
        'torch': torch.get_rng_state()
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def restore(state: dict[str, Any]) -> None:
    """Put back what :func:`capture` gave."""
    python, numpy = state['python'], state['numpy']
    random.setstate(
        (python['version'], tuple(python['internal']), python['gauss']))
    np.random.set_state(
        (numpy['name'], numpy['keys'].numpy().astype(np.uint32),
         numpy['position'], numpy['has_gauss'], numpy['cached']))
    torch.set_rng_state(state['torch'].cpu())
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())


@contextmanager
def isolated() -> Iterator[None]:
    """Leave all generators after the block as they were before it."""
    state = capture()
    try:
        yield
    finally:
        restore(state)

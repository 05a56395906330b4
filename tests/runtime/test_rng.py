from __future__ import annotations

import io
import random

import numpy as np
import torch

from mmgancomp.runtime import rng


def _draw():
    # An odd number of normals leaves half a pair in NumPy's and Python's
    # generators, which is state too.
    return (random.random(), random.gauss(0, 1), np.random.rand(),
            np.random.randn(), torch.rand(3).tolist(),
            torch.randn(17).tolist())


def test_restored_generators_draw_the_same():
    random.gauss(0, 1), np.random.randn()
    state = rng.capture()
    first = _draw()
    assert _draw() != first
    rng.restore(state)
    assert _draw() == first


def test_a_state_opens_as_plain_weights():
    buffer = io.BytesIO()
    torch.save(rng.capture(), buffer)
    expected = _draw()
    buffer.seek(0)
    rng.restore(torch.load(buffer, weights_only=True))
    assert _draw() == expected


def test_isolated_leaves_no_trace_even_after_an_error():
    state = rng.capture()
    expected = _draw()
    rng.restore(state)
    try:
        with rng.isolated():
            _draw()
            raise KeyError
    except KeyError:
        pass
    assert _draw() == expected

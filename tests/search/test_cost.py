"""The loop does what a plain loop does, no more and no less."""

from __future__ import annotations

import pytest

from benchmarks.search_epoch import measure


@pytest.mark.slow
def test_a_plain_loop_gives_the_same_numbers():
    # Compares all weights after each epoch, bit by bit.
    found = measure(epochs=1, steps=2)
    assert found['equal_bits'] and found['ours_s'] > 0

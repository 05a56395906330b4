"""How many of n to remove for a density, to the last one."""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ['ROUNDINGS', 'removed_count']

ROUNDINGS = ('removed', 'kept', 'floor', 'threshold')


def removed_count(n: int, density: float, rounding: str = 'removed') -> int:
    """Number to remove so that about ``density · n`` stay.

    Args:
        n: How many there are.
        density: Kept share, in [0, 1]. Its decimal form counts: 0.7 is 7/10.
        rounding: ``'removed'`` rounds the number removed, half to even
            (GAN-LTH); ``'kept'`` rounds the number kept (STU-GAN's
            layers); ``'floor'`` rounds the number removed down
            (Self-Supervised GAN Compression); ``'threshold'`` rounds it
            down and takes one more, the weight at the threshold (GAN-LTH's
            code for the discriminator of SNGAN).
    """
    share = Fraction(repr(float(density)))
    if rounding == 'kept':
        return n - round(share * n)
    removed = (1 - share) * n
    if rounding == 'threshold':
        return min(n, math.floor(removed + Fraction(1, 10**6)) + 1)
    if rounding == 'floor':
        # A density that was computed may miss a whole number by one bit.
        return min(n, math.floor(removed + Fraction(1, 10**6)))
    return round(removed)

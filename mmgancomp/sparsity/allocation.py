"""Which layer keeps how much, for a given density of the whole network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

from .registry import ALLOCATIONS

__all__ = ['Allocation', 'ERK', 'Global', 'Uniform']

Shape = tuple[int, ...]


class Allocation(ABC):
    """Splits the density of a network over its layers.

    Attributes:
        rounding: The rounding that its paper prescribes (see
            :func:`~mmgancomp.sparsity.counts.removed_count`), or None when
            that is the schedule's to say.
    """

    rounding: str | None = None

    @abstractmethod
    def densities(self, shapes: Sequence[Shape],
                  density: float) -> list[float] | None:
        """Kept share per layer.

        Args:
            shapes: (out, in, *kernel) of each layer's weight.
            density: Kept share of the whole network, in (0, 1].

        Returns:
            One density per layer, or None when all layers compete in one
            ranking.
        """


@ALLOCATIONS.register_module(name='global')
class Global(Allocation):
    """One ranking over all layers of one network (GAN-LTH)."""

    def densities(self, shapes: Sequence[Shape],
                  density: float) -> list[float] | None:
        return None


@ALLOCATIONS.register_module(name='uniform')
class Uniform(Allocation):
    """The same density in every layer (Self-Supervised GAN Compression)."""

    def densities(self, shapes: Sequence[Shape],
                  density: float) -> list[float] | None:
        return [density] * len(shapes)


@ALLOCATIONS.register_module(name='erk')
class ERK(Allocation):
    """Erdős–Rényi kernel: small layers are kept denser (STU-GAN).

    A layer's density is proportional to the sum of its dimensions over
    their product, kernel included. Layers for which that exceeds 1 stay
    dense, and the rest is scaled so that the total comes out right.
    """

    rounding = 'kept'

    def densities(self, shapes: Sequence[Shape],
                  density: float) -> list[float] | None:
        raw = [sum(shape) / prod(shape) for shape in shapes]
        size = [prod(shape) for shape in shapes]
        dense: set[int] = set()
        while len(dense) < len(shapes):
            open_ = [i for i in range(len(shapes)) if i not in dense]
            budget = density * sum(size) - sum(size[i] for i in dense)
            scale = budget / sum(raw[i] * size[i] for i in open_)
            top = max(raw[i] for i in open_)
            if top * scale <= 1:
                return [
                    1.0 if i in dense else raw[i] * scale
                    for i in range(len(shapes))
                ]
            dense |= {i for i in open_ if raw[i] == top}
        return [1.0] * len(shapes)

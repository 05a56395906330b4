"""Learned gates: one number per channel, which training drives shut."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mmgancomp.runtime.helpers import Helper

__all__ = [
    'ALPHA', 'DELTA', 'INITIAL', 'PIVOT', 'Gate', 'fingerprint',
    'pruning_loss'
]

DELTA = 1000.
"""Steepness of a gate (PPCD-GAN, §3.4 to 4.2, as the next two)."""
PIVOT = 0.005
"""A gate at or below it counts as closed."""
ALPHA = 0.7
"""Closed share beyond which a vector of gates freezes."""
INITIAL = (0.01, 1.)
"""Where the numbers behind the gates begin: our choice, see :class:`Gate`."""


class Gate(Helper):
    """Multiplies each channel by m = σ(δ·w): PPCD-GAN, Eq. 1–3.

    Once more than a share α of the channels is closed, the vector is
    binarised and frozen: from then on a channel is multiplied by exactly 0
    or 1, and w has no part in it.

    With δ = 1000 a gate is almost a step, and what moves w towards it is a
    constant force. Channels that began alike would all close in the same
    update; so they begin evenly spread, in a random order that depends on
    the seed alone. Two networks built from one config begin alike.

    Args:
        channels: Number of channels.
        delta: δ.
        initial: Lowest and highest w at the start.
        seed: Of the order.

    Attributes:
        weight: w, (channels,).
        frozen: Whether the vector is binary now; a buffer.
        kept: The binary mask, (channels,); all true until then; a buffer.
    """

    def __init__(self, channels: int, delta: float = DELTA,
                 initial: tuple[float, float] = INITIAL,
                 seed: int = 0) -> None:
        super().__init__()
        self.delta = delta
        order = torch.randperm(
            channels, generator=torch.Generator().manual_seed(seed))
        self.weight = nn.Parameter(
            torch.linspace(*initial, channels)[order].contiguous())
        self.register_buffer('frozen', torch.zeros((), dtype=torch.bool))
        self.register_buffer('kept',
                             torch.ones(channels, dtype=torch.bool))

    def values(self) -> Tensor:
        """m, (channels,); without gradient once frozen."""
        soft = torch.sigmoid(self.delta * self.weight)
        # Not a branch: to ask the flag would wait for the device.
        return torch.where(self.frozen, self.kept.to(soft.dtype), soft)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply features of shape (N, channels, …)."""
        shape = (1, -1, *[1] * (x.dim() - 2))
        return x * self.values().to(x.dtype).view(shape)

    def loss(self) -> Tensor:
        """ℓ = Σ|w + 1| (Eq. 2), which pulls every w towards −1."""
        return (self.weight + 1).abs().sum()

    def closed(self, pivot: float = PIVOT) -> Tensor:
        """Which channels are closed, (channels,); the pivot itself is."""
        return self.values().detach() <= pivot

    @torch.no_grad()
    def binarise(self, alpha: float = ALPHA, pivot: float = PIVOT,
                 cap: bool = False, force: bool = False) -> bool:
        """Freeze if more than the share α is closed; exactly α is not more.

        At least one channel stays open: the one with the largest w.

        Args:
            alpha: The share.
            pivot: See :meth:`closed`.
            cap: Close no more than the first number above α·n, those with
                the smallest w, however many arrived in the same update.
            force: Freeze whatever the share.

        Returns:
            Whether it has frozen just now.
        """
        if bool(self.frozen):
            self._settle()
            return False
        closed = self.closed(pivot)
        count, total = int(closed.sum()), closed.numel()
        if not force and not count / total > alpha:
            return False
        allowed = total - 1
        if cap:
            allowed = min(allowed, math.floor(alpha * total) + 1)
        if count > allowed:
            order = torch.argsort(self.weight, stable=True)
            closed = torch.zeros_like(closed)
            closed[order[:allowed]] = True
        self.kept.copy_(~closed)
        self.frozen.fill_(True)
        self._settle()
        return True

    def _settle(self) -> None:
        # An optimizer with momentum would carry w on. At ±1 it says what the
        # mask says, and an average of it stays where it is.
        self.weight.copy_(2. * self.kept - 1.)

    @torch.no_grad()
    def follow(self, other: Gate) -> None:
        """Be as another gate: for a copy that is else only an average."""
        for own, given in zip((self.weight, self.kept, self.frozen),
                              (other.weight, other.kept, other.frozen)):
            own.copy_(given)

    def extra_repr(self) -> str:
        """Shown by ``print``."""
        return f'{self.weight.numel()}, delta={self.delta:g}'


def pruning_loss(gates: Iterable[Gate]) -> Tensor:
    """L_PP = (1/2N) Σ ℓ over the gates that are not frozen (Eq. 5).

    The divisor is the number of all gates, frozen ones too.

    Args:
        gates: Those of one network.
    """
    gates = list(gates)
    zero = gates[0].weight.new_zeros(())
    # As in Gate.values: which are frozen is not asked.
    return sum((torch.where(gate.frozen, zero, gate.loss())
                for gate in gates), zero) / len(gates)


def fingerprint(gates: Iterable[Gate]) -> str:
    """A short text that is another one for other binary masks."""
    total = hashlib.blake2b(digest_size=8)
    for gate in gates:
        total.update(bytes([int(gate.frozen)]))
        total.update(gate.kept.cpu().numpy().tobytes())
    return total.hexdigest()

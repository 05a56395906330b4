"""The cells of alphaGAN's networks, of mixed edges or of chosen ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from mmengine.registry import Registry
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from .edges import MixedEdge
from .registry import NORMAL_OPERATIONS, UP_OPERATIONS, build

if TYPE_CHECKING:
    from .wiring import Wiring

__all__ = ['DiscriminatorCell', 'FirstDiscriminatorCell', 'GeneratorCell',
           'skip_factors']


def _edge(registry: Registry, plan: str | Sequence[str], *options: Any,
          raw: bool = False) -> nn.Module:
    """One operation by its name, or a mixed edge of several."""
    if isinstance(plan, str):
        return build(registry, plan, *options)
    return MixedEdge(
        {name: build(registry, name, *options) for name in plan}, raw)


def skip_factors(number: int) -> list[int]:
    """Up-sampling of each skip into a cell, from the first cell on.

    Args:
        number: The cell's number, from 0.
    """
    return [2**(number - source) for source in range(number)]


class GeneratorCell(nn.Module):
    """Doubles the resolution::

        x → up 0 → normal 0 → normal 1 → +
        x → up 1 → normal 2 ────────────→ + ← skips

    What ``up 0`` makes is handed on to all later cells as a skip.

    Args:
        number: The cell's number, from 0: as many skips come in.
        channels: Channels throughout.
        plan: Kind of edge → per edge the name of its operation, or a
            sequence of candidates.
        affine: Whether norms have weights.
    """

    def __init__(self, number: int, channels: int,
                 plan: Mapping[str, Sequence[str | Sequence[str]]],
                 affine: bool) -> None:
        super().__init__()
        self.up = nn.ModuleList(
            _edge(UP_OPERATIONS, entry, channels, 2) for entry in plan['up'])
        self.normal = nn.ModuleList(
            _edge(NORMAL_OPERATIONS, entry, channels, channels, affine)
            for entry in plan['normal'])
        self.skip = nn.ModuleList(
            _edge(UP_OPERATIONS, entry, channels, factor)
            for entry, factor in zip(plan.get('skip', ()),
                                     skip_factors(number), strict=True))

    def forward(self, x: Tensor, exports: list[Tensor]) -> Tensor:
        """(N, C, H, W) → (N, C, 2 H, 2 W).

        Args:
            x: The image features.
            exports: What the cells before hand on; this one adds its own.
        """
        first, second = (up(x) for up in self.up)
        out = self.normal[1](self.normal[0](first)) + self.normal[2](second)
        for skip, source in zip(self.skip, exports):
            out = out + skip(source)
        exports.append(first)
        return out

    def wire(self, wiring: Wiring, path: str, node: int,
             exports: list[int]) -> int:
        """As :meth:`forward`, of nodes in place of features."""
        first, second = (
            wiring.through(f'{path}.up.{edge}', node) for edge in range(2))
        long = wiring.through(f'{path}.normal.0', first)
        out = wiring.tie(
            wiring.through(f'{path}.normal.1', long),
            wiring.through(f'{path}.normal.2', second),
            *(wiring.through(f'{path}.skip.{number}', source)
              for number, source in enumerate(exports)))
        exports.append(first)
        return out


class DiscriminatorCell(nn.Module):
    """Two edges one after the other, beside a shortcut.

    Args:
        channels: Channels throughout.
        plan: Kind of edge → candidates of each edge.
        halve: Whether the resolution is halved, by mean pooling.
    """

    def __init__(self, channels: int,
                 plan: Mapping[str, Sequence[str | Sequence[str]]],
                 halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.normal = nn.ModuleList(
            _edge(NORMAL_OPERATIONS, entry, channels, channels, True)
            for entry in plan['normal'])
        self.shortcut = (spectral_norm(nn.Conv2d(channels, channels, 1))
                         if halve else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same, or half the height and width."""
        out = self.normal[1](self.normal[0](x)) + self.shortcut(x)
        return F.avg_pool2d(out, 2) if self.halve else out

    def wire(self, wiring: Wiring, path: str, node: int) -> int:
        """As :meth:`forward`, of nodes in place of features."""
        long = wiring.through(f'{path}.normal.0', node)
        return wiring.tie(wiring.through(f'{path}.normal.1', long),
                          wiring.through(f'{path}.shortcut', node))


class FirstDiscriminatorCell(nn.Module):
    """Lifts an image to the width of the network, and halves it.

    Args:
        image_channels: Channels of the image.
        channels: Channels that it makes.
        plan: Kind of edge (``lift``, ``normal``) → candidates of each edge.
        raw: Whether its edges weigh by their architecture weights and not
            by the softmax of them.
    """

    def __init__(self, image_channels: int, channels: int,
                 plan: Mapping[str, Sequence[str | Sequence[str]]],
                 raw: bool) -> None:
        super().__init__()
        lift, = plan['lift']
        normal, = plan['normal']
        self.lift = _edge(NORMAL_OPERATIONS, lift, image_channels, channels,
                          True, raw=raw)
        self.normal = _edge(NORMAL_OPERATIONS, normal, channels, channels,
                            True, raw=raw)
        self.shortcut = spectral_norm(nn.Conv2d(image_channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, image channels, H, W) → (N, channels, H / 2, W / 2)."""
        return F.avg_pool2d(self.normal(self.lift(x)) + self.shortcut(x), 2)

    def wire(self, wiring: Wiring, path: str, node: int) -> int:
        """As :meth:`forward`, of nodes in place of features."""
        lifted = wiring.through(f'{path}.lift', node)
        return wiring.tie(wiring.through(f'{path}.normal', lifted),
                          wiring.through(f'{path}.shortcut', node))

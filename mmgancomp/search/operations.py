"""The candidates of alphaGAN's edges, and those of its ablations.

A convolution begins with ReLU, so that what comes from the edge before is
not changed in place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from .registry import NORMAL_OPERATIONS, UP_OPERATIONS

if TYPE_CHECKING:
    from .wiring import Wiring

__all__ = ['Nearest', 'Bilinear', 'Deconvolution', 'Zero']


class Zero(nn.Module):
    """No edge: nothing is passed on."""

    def __init__(self, inside: int, outside: int, affine: bool) -> None:
        super().__init__()
        self.outside = outside

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → zeros of (N, outside, H, W)."""
        return x.new_zeros(x.shape[0], self.outside, *x.shape[2:])

    def wire(self, wiring: Wiring, path: str, node: int) -> int:
        """Reads nothing, and writes zeros of the width of what it joins."""
        return wiring.counted(path, 'outside', wiring.node())


def _identity(inside: int, outside: int, affine: bool) -> nn.Module:
    return nn.Identity()


def _convolution(kernel: int, inside: int, outside: int,
                 affine: bool) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(inside, outside, kernel, padding=kernel // 2))


def _first(kernel: int, inside: int, outside: int,
           affine: bool) -> nn.Module:
    """For images, whose negative values a ReLU would take away."""
    return nn.Conv2d(inside, outside, kernel, padding=kernel // 2)


def _spectral(kernel: int, inside: int, outside: int,
              affine: bool) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        spectral_norm(
            nn.Conv2d(inside, outside, kernel, padding=kernel // 2)))


def _normed(kernel: int, inside: int, outside: int,
            affine: bool) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(), nn.BatchNorm2d(inside),
        spectral_norm(
            nn.Conv2d(inside, outside, kernel, padding=kernel // 2)))


def _separable(kernel: int, times: int, inside: int, outside: int,
               affine: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for time in range(times):
        last = outside if time == times - 1 else inside
        layers += [
            nn.ReLU(),
            nn.Conv2d(inside, inside, kernel, padding=kernel // 2,
                      groups=inside, bias=False),
            nn.Conv2d(inside, last, 1, bias=False),
            nn.BatchNorm2d(last, affine=affine)
        ]
    return nn.Sequential(*layers)


NORMAL_OPERATIONS.register_module('none', module=Zero)
NORMAL_OPERATIONS.register_module('identity', module=_identity)
for _kernel in (1, 3, 5):
    _size = f'{_kernel}x{_kernel}'
    for _name, _make in ((f'conv_{_size}', _convolution),
                         (f'conv_{_size}_first', _first),
                         (f'conv_{_size}_sn', _spectral),
                         (f'conv_{_size}_bn', _normed)):
        NORMAL_OPERATIONS.register_module(
            _name, module=partial(_make, _kernel))
for _kernel in (3, 5, 7):
    _size = f'{_kernel}x{_kernel}'
    NORMAL_OPERATIONS.register_module(
        f'sep_conv_{_size}', module=partial(_separable, _kernel, 2))
    NORMAL_OPERATIONS.register_module(
        f'sep_conv_{_size}_single', module=partial(_separable, _kernel, 1))


class _Doubling(nn.Module, ABC):
    """Doubles the resolution as often as it takes."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.times = factor.bit_length() - 1

    @abstractmethod
    def double(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, 2 H, 2 W)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, factor · H, factor · W)."""
        for _ in range(self.times):
            x = self.double(x)
        return x

    def wire(self, wiring: Wiring, path: str, node: int) -> int:
        """Where channels go: without weights, each stays what it is."""
        return node


@UP_OPERATIONS.register_module('deconv')
class Deconvolution(_Doubling):
    """2×2 transposed convolution; one layer, however often it is applied."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__(channels, factor)
        self.conv = nn.ConvTranspose2d(channels, channels, 2, stride=2)

    def double(self, x: Tensor) -> Tensor:
        """See :meth:`forward`."""
        return self.conv(x)

    def wire(self, wiring: Wiring, path: str, node: int) -> int:
        """Applied twice, it reads what it writes: the same channels."""
        made = wiring.layer(f'{path}.conv', node)
        return wiring.tie(node, made) if self.times > 1 else made


@UP_OPERATIONS.register_module('nearest')
class Nearest(_Doubling):
    """Each pixel four times."""

    def double(self, x: Tensor) -> Tensor:
        """See :meth:`forward`."""
        return F.interpolate(x, scale_factor=2, mode='nearest')


@UP_OPERATIONS.register_module('bilinear')
class Bilinear(_Doubling):
    """Bilinear interpolation."""

    def double(self, x: Tensor) -> Tensor:
        """See :meth:`forward`."""
        return F.interpolate(
            x, scale_factor=2, mode='bilinear', align_corners=False)


def _before(kind: type[nn.Module], channels: int, factor: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 1, bias=False), kind(channels, factor))


@UP_OPERATIONS.register_module('deconv_norm')
def _deconv_norm(channels: int, factor: int) -> nn.Module:
    return nn.Sequential(
        Deconvolution(channels, factor),
        nn.InstanceNorm2d(channels, affine=True, track_running_stats=True),
        nn.ReLU())


UP_OPERATIONS.register_module(
    'nearest_conv', module=partial(_before, Nearest))
UP_OPERATIONS.register_module(
    'bilinear_conv', module=partial(_before, Bilinear))

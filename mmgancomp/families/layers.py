"""Which weights of a plain torch network can be masked, and their axes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

__all__ = ['MaskableWeight', 'convolution_weights', 'linear_weights']


@dataclass(frozen=True)
class MaskableWeight:
    """One parameter that a mask may cover.

    Attributes:
        name: Name in ``network.named_parameters()``; under hook-style
            spectral norm the raw ``…weight_orig``.
        out_axis: Axis that counts output channels (per group for a grouped
            transposed convolution).
        in_axis: Axis that counts input channels.
        kernel_dims: How many trailing axes are the kernel (0 for a linear
            layer, 2 for a 2-D convolution).
        transposed: Whether the layer is a transposed convolution, stored as
            (in, out / groups, kh, kw).
        groups: Number of convolution groups.
    """

    name: str
    out_axis: int = 0
    in_axis: int = 1
    kernel_dims: int = 2
    transposed: bool = False
    groups: int = 1


def raw_weight_name(module: nn.Module) -> str | None:
    """The name of the parameter behind ``module.weight``, or None.

    Spectral norm and equalised learning rate keep the trained values in
    ``weight_orig`` (hook style) or ``parametrizations.weight.original``.
    """
    own = dict(module.named_parameters(recurse=False))
    for name in ('weight_orig', 'weight'):
        if isinstance(own.get(name), nn.Parameter):
            return name
    if torch.nn.utils.parametrize.is_parametrized(module, 'weight'):
        # Weight norm splits it into two, and has no single raw weight.
        if hasattr(module.parametrizations.weight, 'original'):
            return 'parametrizations.weight.original'
    return None


def _weights(network: nn.Module, types: tuple[type, ...]):
    for path, module in network.named_modules():
        if isinstance(module, types):
            raw = raw_weight_name(module)
            if raw is not None:
                yield f'{path}.{raw}' if path else raw, module


def convolution_weights(network: nn.Module) -> list[MaskableWeight]:
    """Weights of every ``Conv1d/2d/3d`` and their transposed kin, in order.

    A layer under weight norm is left out: it has two tensors in place of a
    weight, and a zero in one of them is no zero of the layer.
    """
    plain = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    turned = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    found = []
    for name, module in _weights(network, plain + turned):
        transposed = isinstance(module, turned)
        found.append(
            MaskableWeight(
                name,
                out_axis=int(transposed),
                in_axis=int(not transposed),
                kernel_dims=len(module.kernel_size),
                transposed=transposed,
                groups=module.groups))
    return found


def linear_weights(network: nn.Module) -> list[MaskableWeight]:
    """Weights of every ``Linear``, in order; embeddings are not among them."""
    return [
        MaskableWeight(name, kernel_dims=0)
        for name, _ in _weights(network, (nn.Linear, ))
    ]

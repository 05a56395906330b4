"""Random inputs of the shapes that GAN networks take."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .layers import convolution_weights

__all__ = ['class_labels', 'image_channels', 'images', 'noise']


def noise(network: nn.Module, batch: int,
          generator: torch.Generator) -> Tensor:
    """Latents: standard normal, (batch, ``network.noise_size``)."""
    drawn = torch.randn(
        batch,
        network.noise_size,
        generator=generator,
        device=generator.device)
    return drawn.to(_device(network))


def images(network: nn.Module, batch: int, size: int,
           generator: torch.Generator) -> Tensor:
    """Images: uniform in [-1, 1], (batch, channels, size, size)."""
    drawn = torch.rand(
        batch,
        image_channels(network),
        size,
        size,
        generator=generator,
        device=generator.device)
    return drawn.mul(2).sub(1).to(_device(network))


def class_labels(network: nn.Module, batch: int,
                 generator: torch.Generator) -> dict[str, Any]:
    """Keyword ``label`` with (batch,) classes; empty if unconditional."""
    classes = getattr(network, 'num_classes', None)
    if not classes:
        return {}
    drawn = torch.randint(
        classes, (batch, ), generator=generator, device=generator.device)
    return dict(label=drawn.to(_device(network)))


def image_channels(network: nn.Module) -> int:
    """Input channels of the network's first convolution."""
    first = convolution_weights(network)[0]
    shape = network.get_parameter(first.name).shape
    return shape[first.in_axis] * (1 if first.transposed else first.groups)


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device

"""StyleGAN2's generator in operations that do not depend on the batch.

The stock modulated convolution makes weights of its own for each image and
runs them as one convolution with as many groups as there are images, which a
graph for any batch size cannot express. The same numbers come from scaling
the inputs by the style, convolving with the shared weight, and scaling the
outputs (Karras et al., «Analyzing and Improving the Image Quality of
StyleGAN», section 2.2 and appendix B).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .graphs import Graph

__all__ = ['EqualConvolution', 'EqualFilter', 'StyleGAN2Graph']


class EqualConvolution(nn.Module):
    """A modulated convolution with the weight shared by all images.

    Args:
        stock: The stock layer, its weight (1, out, in, k, k) computed.
    """

    def __init__(self, stock: nn.Module) -> None:
        super().__init__()
        self.style_modulation = stock.style_modulation
        self.weight = nn.Parameter(
            stock.weight.detach()[0].clone(), requires_grad=False)
        self.demodulate, self.eps = stock.demodulate, stock.eps
        self.style_bias, self.padding = stock.style_bias, stock.padding
        self.blur = EqualFilter(stock.blur) if stock.upsample else None

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Convolve ``x`` (N, in, H, W) in the style (N, style channels)."""
        style = self.style_modulation(style) + self.style_bias
        x = x * style[:, :, None, None]
        if self.blur is None:
            x = F.conv2d(x, self.weight, padding=self.padding)
        else:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
        if self.demodulate:
            energy = self.weight.square().sum((2, 3))
            scale = torch.rsqrt(F.linear(style.square(), energy) + self.eps)
            x = x * scale[:, :, None, None]
        return x if self.blur is None else self.blur(x)


class EqualFilter(nn.Module):
    """The blur, and the upsampling of images, as one-channel convolutions.

    Args:
        stock: The stock layer: a kernel, paddings, and what it upsamples by.
    """

    def __init__(self, stock: nn.Module) -> None:
        super().__init__()
        # The kernel is part of the graph, like the weights.
        self.register_buffer('kernel', stock.kernel[None, None].clone())
        self.factor = getattr(stock, 'factor', 1)
        self.before, self.after = stock.pad[:2]

    def forward(self, x: Tensor) -> Tensor:
        """Filter (N, C, H, W), each channel by itself."""
        shape, edge = x.shape, self.kernel.shape[-1]
        x = x.reshape(-1, 1, shape[2], shape[3])
        if self.factor == 1:
            x = F.pad(x, (self.before, self.after) * 2)
            x = F.conv2d(x, self.kernel.flip(2, 3))
        else:
            x = F.conv_transpose2d(x, self.kernel, stride=self.factor)
            x = F.pad(x, (self.before - edge + 1,
                          self.after + self.factor - edge) * 2)
        return x.reshape(shape[0], shape[1], x.shape[2], x.shape[3])


_EQUAL = {
    'ModulatedConv2d': EqualConvolution,
    'UpsampleUpFIRDn': EqualFilter,
}


class StyleGAN2Graph(Graph):
    """The generator with its own noise maps, or with maps as inputs.

    Args:
        network: A copy with plain weights, which is changed.
        example: As for :class:`Graph`.
        keywords: As for :class:`Graph`.
        noise: ``'fixed'`` or ``'input'``. As inputs the maps are called
            ``noise_map_0`` and so on, (N, 1, H, W) each.
    """

    def __init__(self, network: nn.Module, example: Sequence[Tensor],
                 keywords: Sequence[str], noise: str) -> None:
        for path, module in list(network.named_modules()):
            equal = _EQUAL.get(type(module).__name__)
            if equal is not None:
                network.set_submodule(path, equal(module))
        super().__init__(network, example, keywords)
        self.sizes = [
            getattr(network, f'injected_noise_{index}').shape[-1]
            for index in range(network.num_injected_noises)
        ] if noise == 'input' else []
        self.plain = len(self.inputs)
        self.inputs += [f'noise_map_{i}' for i in range(len(self.sizes))]

    def call(self, tensors: Sequence[Tensor]) -> tuple[tuple, dict[str, Any]]:
        """See :meth:`Graph.call`."""
        args, kwargs = super().call(tensors[:self.plain])
        if self.sizes:
            return args, dict(
                kwargs, injected_noise=list(tensors[self.plain:]))
        return args, dict(kwargs, randomize_noise=False)

    def more(self, batch: int, random: torch.Generator) -> list[Tensor]:
        """See :meth:`Graph.more`: the noise maps, standard normal."""
        return [
            torch.randn(batch, 1, size, size, generator=random)
            for size in self.sizes
        ]

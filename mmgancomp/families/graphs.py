"""Generators as functions of tensors alone: what goes into an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ['Graph']


class Graph(nn.Module):
    """A network for inference, made of plain weights and plain operations.

    Args:
        network: A copy that may be kept.
        example: Arguments of a legal forward.
        keywords: Keyword arguments of it.

    Attributes:
        inputs: Names of the tensors that a forward takes, in order:
            ``noise`` or ``source``, ``input_1`` and so on for what else is
            given by position, then the keywords.
    """

    def __init__(self, network: nn.Module, example: Sequence[Tensor],
                 keywords: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        first = 'source' if example[0].dim() == 4 else 'noise'
        self.positional = len(example)
        more = [f'input_{index}' for index in range(1, self.positional)]
        self.inputs = [first, *more, *keywords]
        self.eval()

    def call(self, tensors: Sequence[Tensor]) -> tuple[tuple, dict[str, Any]]:
        """What the stock network is called with for the same image."""
        args = tuple(tensors[:self.positional])
        rest = tensors[self.positional:]
        return args, dict(zip(self.inputs[self.positional:], rest))

    def more(self, batch: int, random: torch.Generator) -> list[Tensor]:
        """Tensors that a forward takes beyond those of an example call."""
        return []

    def forward(self, *tensors: Tensor) -> Tensor:
        args, kwargs = self.call(tensors)
        return self.network(*args, **kwargs)

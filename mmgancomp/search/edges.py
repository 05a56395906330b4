"""Mixed edges: all candidates at once, weighted by what is searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .genotype import Genotype, Space

__all__ = [
    'MixedEdge', 'architecture', 'choose', 'constant', 'edges', 'entropy',
    'found_by', 'kept_buffers', 'relax'
]

_SPREAD = 1e-3
"""Standard deviation of architecture weights at the start."""


class MixedEdge(nn.Module):
    """``Σ softmax(alpha)_o · o(x)`` over the candidates ``o``.

    ``alpha`` is a buffer: it is in checkpoints and averaged copies carry it,
    but no optimizer of weights gets hold of it.

    In eval mode the candidate of the largest weight is all there is, still
    multiplied by its weight, as the published code evaluates a supernet.

    Args:
        operations: Name → candidate.
        raw: Use ``alpha`` itself in place of its softmax.

    Attributes:
        temperature: Of Gumbel-softmax samples, drawn anew at each call in
            training; None for the softmax itself.
        chosen: Name of the only candidate to be run, with weight 1; None
            for the mixture.
    """

    def __init__(self, operations: Mapping[str, nn.Module],
                 raw: bool = False) -> None:
        super().__init__()
        self.operations = nn.ModuleDict(operations)
        self.raw = raw
        self.temperature: float | None = None
        self.chosen: str | None = None
        self.register_buffer(
            'alpha', _SPREAD * torch.randn(len(self.operations)))

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates, in the order of ``alpha``."""
        return tuple(self.operations)

    @property
    def best(self) -> str:
        """The candidate of the largest weight."""
        return self.names[int(self.alpha.argmax())]

    def mixture(self) -> Tensor:
        """Weights of the candidates, for one call."""
        if self.training and self.temperature is not None:
            return F.gumbel_softmax(self.alpha, self.temperature)
        return self.alpha if self.raw else self.alpha.softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Run the candidates on x."""
        if self.chosen is not None:
            return self.operations[self.chosen](x)
        weights = self.mixture()
        if not self.training:
            best = int(self.alpha.argmax())
            return weights[best] * self.operations[self.names[best]](x)
        total = None
        for weight, operation in zip(weights.unbind(),
                                     self.operations.values()):
            part = weight * operation(x)
            total = part if total is None else total + part
        return total


def edges(network: nn.Module) -> list[MixedEdge]:
    """The mixed edges of a network, in order."""
    return [m for m in network.modules() if isinstance(m, MixedEdge)]


def architecture(network: nn.Module) -> list[Tensor]:
    """The architecture weights of a network: those of its edges, in order."""
    return [edge.alpha for edge in edges(network)]


def found_by(network: nn.Module, space: Space) -> Genotype:
    """The architecture of the largest weight on each edge.

    Args:
        network: A supernet.
        space: What its edges choose from, in order.
    """
    names = iter([edge.best for edge in edges(network)])
    return Genotype(tuple(
        {kind: tuple(next(names) for _ in group)
         for kind, group in cell.items()} for cell in space.cells))


def entropy(network: nn.Module) -> float:
    """Mean over the edges of the entropy of their softmax, in nats."""
    found = [torch.special.entr(alpha.detach().softmax(-1)).sum()
             for alpha in architecture(network)]
    return float(torch.stack(found).mean())


def relax(network: nn.Module, temperature: float | None) -> None:
    """Let all edges sample (Gumbel) at a temperature, or not (None)."""
    for edge in edges(network):
        edge.temperature = temperature


def choose(network: nn.Module, genotype: Genotype | None) -> None:
    """Run one architecture of a supernet alone, or the mixture (None)."""
    names: Sequence[str | None] = [None] * len(edges(network))
    if genotype is not None:
        names = [name for cell in genotype.cells
                 for chosen in cell.values() for name in chosen]
    for edge, name in zip(edges(network), names, strict=True):
        edge.chosen = name


def _buffers(network: nn.Module) -> Iterator[Tensor]:
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if not (isinstance(module, MixedEdge) and name == 'alpha'):
                yield buffer


@contextmanager
def kept_buffers(*networks: nn.Module) -> Iterator[None]:
    """Put running statistics and power iterations back after the block.

    A forward call in training mode moves them.
    """
    kept = [(buffer, buffer.clone()) for network in networks
            for buffer in _buffers(network)]
    try:
        yield
    finally:
        for buffer, value in kept:
            buffer.copy_(value)


@contextmanager
def constant(*networks: nn.Module) -> Iterator[None]:
    """Let no gradient be computed for the networks' weights in the block."""
    with ExitStack() as back:
        for network in networks:
            for parameter in network.parameters():
                if parameter.requires_grad:
                    parameter.requires_grad_(False)
                    back.callback(parameter.requires_grad_, True)
        yield

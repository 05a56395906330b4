"""Finds channel groups by poisoning: for networks that no family knows.

One channel of what a layer writes becomes NaN; layers whose input is NaN
then are those that read it. The first and the last channel tell where a
reader's begin and how many entries each has. Layers that poison the same
entries are tied. Nothing is traced, and what runs can be probed, at two
forwards for each layer; a removal by such groups always checks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.families import ChannelGroup
from mmgancomp.families import layer_axes as axes
from mmgancomp.families.groups import GroupTable

from .slicing import copy_of

__all__ = ['probe']

Ties = Sequence[tuple[str, str]]


@dataclass
class Reach:
    """Who sees the channels of one layer.

    Attributes:
        channels: How many there are.
        readers: Path → where they begin in what it reads.
        blocks: Path → entries per channel there.
        norms: Paths of norms and biases on the way.
        means: Paths of readers with a column for the mean of them.
    """

    channels: int = 0
    readers: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    norms: set[str] = field(default_factory=set)
    means: set[str] = field(default_factory=set)


def probe(network: nn.Module,
          call: Callable[[nn.Module], tuple[tuple, Mapping[str, Any]]],
          ties: Ties = ()) -> dict[str, ChannelGroup]:
    """The channel groups of a network, found by running it.

    Not seen are products of two activations (queries with keys; a class's
    vector with features: name a tie). What nobody is seen to read has no
    group, and stays.

    Args:
        network: Left as it is. Its output must be finite: spectral norm
            needs a few forwards in training mode first.
        call: Makes the arguments of a forward.
        ties: Pairs of paths: a layer whose output is multiplied with
            channels, and one that reads these.

    Raises:
        MMGanCompError: The output is not finite, so NaN tells nothing; or
            layers that are tied have sizes that do not fit.
        NotOffered: A layer that writes or reads channels is not in the
            table of layers.
    """
    return _Probe(network, call).groups(ties)


class _Probe:

    def __init__(self, network: nn.Module, call: Callable) -> None:
        self.network = copy_of(network).eval()
        self.args, self.kwargs = call(self.network)
        self.makers: dict[str, int] = {}
        self.readers: dict[str, int] = {}
        self.norms: set[str] = set()
        for path, module in axes.single_parts(self.network):
            if axes.passes(module):
                self.norms.add(path)
                continue
            self.makers[path] = axes.made(self.network, path).width
            if axes.reads(module):
                self.readers[path] = axes.used(self.network, path).width
        output = self._run()
        if not isinstance(output, Tensor):
            raise MMGanCompError(
                f'{type(network).__name__} cannot be probed: its forward '
                f'gives a {type(output).__name__}, not one tensor')
        if not torch.isfinite(output).all():
            raise MMGanCompError(
                f'{type(network).__name__} cannot be probed: its output is '
                'not finite to begin with; spectral norm needs a few '
                'forwards in training mode first')

    @torch.no_grad()
    def _run(self) -> Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.network(*self.args, **self.kwargs)

    def groups(self, ties: Ties) -> dict[str, ChannelGroup]:
        reached = {maker: self._reach(maker) for maker in self.makers}
        reached = {m: reach for m, reach in reached.items() if reach.readers}
        table = GroupTable(self.network)
        for makers in _tied(reached):
            found = [reached[maker] for maker in makers]
            uses = {}
            for reach in found:
                for path, offset in reach.readers.items():
                    whole = reach.channels * reach.blocks[path]
                    fits = offset == 0 and whole == self.readers[path]
                    uses[path] = path if fits else f'{path}@{offset}'
            uses |= {one: one for one, other in ties if other in uses}
            means = {path for reach in found for path in reach.means}
            norms = {path for reach in found for path in reach.norms}
            table.add(
                makers[0],
                ' '.join(makers),
                ' '.join(uses.values()),
                ' '.join(sorted(norms)),
                mean=tuple(self._column(path) for path in sorted(means)))
        return table.groups

    def _column(self, path: str) -> tuple[str, int]:
        weight = axes.used(self.network, path).entries[0]
        return weight.tensor, weight.axis

    def _reach(self, maker: str) -> Reach:
        width = self.makers[maker]
        first = self._poisoned(maker, 0)
        last = self._poisoned(maker, width - 1)
        reach = Reach(width)
        for path, low in first.items():
            high = last.get(path, set())
            if path in self.norms:
                reach.norms.add(path)
                continue
            if width > 1:
                # What both reach is a mean, or all that a product mixes.
                both = low & high
                low, high = low - both, high - both
                if not low or not high:
                    continue
                if both:
                    reach.means.add(path)
            reach.readers[path] = min(low)
            reach.blocks[path] = len(low)
            if len(low) == 1:
                # Several entries of the layer may make one channel.
                reach.channels = max(high) - min(low) + 1
        return reach

    def _poisoned(self, maker: str, index: int) -> dict[str, set[int]]:
        """Path → entries of what it reads that one entry reaches."""
        seen: dict[str, set[int]] = {}
        with self._watching(maker, index, seen):
            self._run()
        return seen

    @contextmanager
    def _watching(self, maker: str, index: int,
                  seen: dict[str, set[int]]) -> Iterator[None]:

        def poison(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
            output = torch.nan_to_num(output)
            output[:, index] = float('nan')
            return output

        def absorb(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
            # What a reader makes of it is its own channels' business.
            return torch.nan_to_num(output)

        def look_at(path: str) -> Callable[[nn.Module, tuple], None]:

            def look(module: nn.Module, args: tuple) -> None:
                hit = args[0].isnan().transpose(0, 1).flatten(1).any(1)
                if hit.any():
                    seen.setdefault(path, set()).update(
                        torch.nonzero(hit).flatten().tolist())

            return look

        hooks = []
        for path, module in self.network.named_modules():
            if path in self.readers or path in self.norms:
                hooks.append(module.register_forward_pre_hook(look_at(path)))
            if path == maker:
                hooks.append(module.register_forward_hook(poison))
            elif path in self.readers:
                hooks.append(module.register_forward_hook(absorb))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def _tied(reached: Mapping[str, Reach]) -> list[list[str]]:
    """Layers that write what the same readers see, in order."""
    parent = {maker: maker for maker in reached}

    def root(maker: str) -> str:
        while parent[maker] != maker:
            maker = parent[maker]
        return maker

    owner: dict[Any, str] = {}
    for maker, reach in reached.items():
        for place in [*reach.readers.items(), *reach.norms]:
            parent[root(maker)] = root(owner.setdefault(place, maker))
    found: dict[str, list[str]] = {}
    for maker in reached:
        found.setdefault(root(maker), []).append(maker)
    return list(found.values())

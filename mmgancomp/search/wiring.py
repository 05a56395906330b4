"""Which channels of a found network are one: its architecture decides.

An operation reads the channels of one node and writes those of another, or
passes them on, which makes the two nodes one: a resizing edge, an identity,
a transposed convolution that is applied twice. Nodes that are added are one
as well. What is left are the network's channel groups.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

from mmgancomp.errors import MMGanCompError
from mmgancomp.families import GateSite
from mmgancomp.families.groups import ChannelGroup, GroupTable, Wires
from mmgancomp.families.layer_axes import passes, reads

__all__ = ['Wiring', 'wiring_of']

OUTSIDE = 0
"""The node of images and of noise, whose channels nobody may take."""

_THROUGH = (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU,
            nn.Tanh, nn.Sigmoid, nn.Dropout, nn.Dropout2d, nn.AvgPool2d,
            nn.MaxPool2d, nn.Upsample)
"""Modules without weights that keep channels apart."""


class Wiring:
    """Follows the channels of a network through its layers.

    Layers are named in the order in which they run. An operation of a plugin
    that is no chain of ordinary layers says where its channels go by a method
    ``wire(wiring, path, node) -> node``.

    Args:
        network: A derived generator or discriminator.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._parents = [OUTSIDE]
        self._layers: list[tuple[str, str, int]] = []
        self._counts: list[tuple[tuple[str, str], int]] = []
        self._after: dict[str, str] = {}

    def node(self) -> int:
        """A new node, for channels that something is about to write."""
        self._parents.append(len(self._parents))
        return len(self._parents) - 1

    def tie(self, *nodes: int) -> int:
        """Make nodes one: their channels are added, or passed on.

        Returns:
            The one that they are now.
        """
        first, *others = (self._root(node) for node in nodes)
        for other in others:
            # The outside stays what it is.
            first, other = sorted((self._root(first), self._root(other)))
            self._parents[other] = first
        return first

    def layer(self, path: str, node: int) -> int:
        """A layer that reads a node's channels and writes new ones."""
        self._layers.append(('use', path, node))
        made = self.node()
        self._layers.append(('make', path, made))
        return made

    def passed(self, path: str, node: int) -> int:
        """A norm, or whatever else keeps channels apart."""
        self._layers.append(('each', path, node))
        return node

    def counted(self, path: str, attribute: str, node: int) -> int:
        """A number that repeats how many channels a node has."""
        self._counts.append(((path, attribute), node))
        return node

    def through(self, path: str, node: int) -> int:
        """An operation: a chain of ordinary layers, or one with ``wire``.

        Args:
            path: Where it is.
            node: What it reads.

        Returns:
            What it writes.

        Raises:
            MMGanCompError: It is neither.
        """
        module = self.network.get_submodule(path)
        if hasattr(module, 'wire'):
            return module.wire(self, path, node)
        if isinstance(module, nn.Sequential):
            return self._chain(path, module, node)
        if isinstance(module, _THROUGH):
            return node
        if passes(module):
            return self.passed(path, node)
        if reads(module):
            return self.layer(path, node)
        raise MMGanCompError(
            f'{path}: where the channels of a {type(module).__name__} go is '
            'not known; give it a method wire(wiring, path, node), as '
            'docs/alphagan.md tells')

    def _chain(self, path: str, chain: nn.Sequential, node: int) -> int:
        last = ''
        for name, module in chain.named_children():
            before, inner = len(self._layers), f'{path}.{name}'
            node = self.through(inner, node)
            made = [layer for side, layer, _ in self._layers[before:]
                    if side == 'make']
            if made:
                last = made[-1]
            elif passes(module) and last:
                self._after[last] = inner
            else:
                last = ''
        return node

    def _root(self, node: int) -> int:
        while self._parents[node] != node:
            node = self._parents[node]
        return node

    def groups(self) -> dict[str, ChannelGroup]:
        """The network's channel groups, each named after its first layer."""
        wires: dict[int, Wires] = {}
        for side, path, node in self._layers:
            found = wires.setdefault(self._root(node), Wires())
            getattr(found, side).append(path)
        table = GroupTable(self.network)
        for node, found in wires.items():
            # Channels that nobody writes, or reads, are not in the way.
            if node != OUTSIDE and found.make and found.use:
                table.add(
                    found.make[0], ' '.join(found.make), ' '.join(found.use),
                    ' '.join(found.each),
                    counts=tuple(count for count, at in self._counts
                                 if self._root(at) == node))
        return table.groups

    def sites(self) -> list[GateSite]:
        """Convolutions whose channels nothing else writes, in order."""
        makers = {group.name: sum(slot.role == 'make'
                                  and not slot.tensor.endswith(
                                      ('bias', 'weight_u'))
                                  for slot in group.slots)
                  for group in self.groups().values()}
        return [
            GateSite(path, self._after.get(path, path))
            for side, path, _ in self._layers
            if side == 'make' and makers.get(path) == 1 and isinstance(
                self.network.get_submodule(path), _ConvNd)
        ]


def wiring_of(network: nn.Module) -> Wiring:
    """Follow the channels of a derived generator or discriminator."""
    wiring = Wiring(network)
    network.wire(wiring)
    return wiring

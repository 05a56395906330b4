"""Which weights belong to one channel: groups, and how they are declared.

A channel of a hidden layer is written by some layers, passed on by others
(norms, biases) and read by the rest. A family names the layers; which axis
of which tensor that means stands in :mod:`mmgancomp.families.layer_axes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from mmgancomp.errors import MMGanCompError

from .layer_axes import Part, made, passed, used

__all__ = ['ChannelGroup', 'GroupTable', 'Slot', 'Wires']


@dataclass(frozen=True)
class Slot:
    """One axis of one parameter or buffer.

    Channel ``c`` owns the indices from ``offset + c * block`` up to, and
    without, ``offset + (c + 1) * block``.

    Attributes:
        tensor: Its name in the network's ``state_dict``.
        axis: The axis that counts the group's channels.
        offset: Where the first channel begins: behind the skip's channels
            in a layer that reads two groups side by side.
        block: Entries per channel: 16 where a map of 4 × 4 pixels is
            flattened, the kernel's size in the right vector of a spectral
            norm.
        role: ``'make'`` (writes the channel), ``'gain'`` (scales it on the
            way), ``'each'`` (any other number per channel on the way) or
            ``'use'`` (reads it).
    """

    tensor: str
    axis: int
    offset: int = 0
    block: int = 1
    role: str = 'use'


@dataclass(frozen=True)
class ChannelGroup:
    """Channels of one width that can only be removed together.

    Attributes:
        name: Its name in plans: the path of the first layer that makes it.
        width: How many channels there are.
        slots: Where they are.
        mean: (tensor, axis, index) of columns that read the mean over the
            group: minibatch statistics.
        counts: (module path, attribute) that repeat the width as a number.
        least: The fewest channels that a ranking leaves.
        optional: A ranking leaves it whole: it is cut where a plan names it.
        attention: Of a query-key group, the path of the attention block.
        value: Of a query-key group, the group of the block's values. The
            block's ``view`` ties the two: 4q ≤ v ≤ 4q + 3.
    """

    name: str
    width: int
    slots: tuple[Slot, ...]
    mean: tuple[tuple[str, int, int], ...] = ()
    counts: tuple[tuple[str, str], ...] = ()
    least: int = 1
    optional: bool = False
    attention: str = ''
    value: str = ''

    def __str__(self) -> str:
        rows = [f'{self.name}: {self.width} channels']
        for slot in self.slots:
            which = f' from {slot.offset}' if slot.offset else ''
            each = f' × {slot.block}' if slot.block > 1 else ''
            rows.append(
                f'  {slot.role:4} {slot.tensor}[{slot.axis}]{which}{each}')
        return '\n'.join(rows)


@dataclass
class Wires:
    """Layers at one group while a family declares it.

    Attributes:
        make: Paths of layers that write its channels.
        use: Paths of layers that read them; ``'path@8'`` if its channels
            begin at the eighth column of a layer that reads more.
        each: Paths of norms, biases and depthwise convolutions that stand
            alone. Those inside of a named block that has a convolution count
            anyway.
        least: As in :class:`ChannelGroup`.
    """

    make: list[str] = field(default_factory=list)
    use: list[str] = field(default_factory=list)
    each: list[str] = field(default_factory=list)
    least: int = 1


class GroupTable:
    """Turns declarations into groups, by looking at the tensors' sizes.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 3))
        >>> table = GroupTable(net)
        >>> table.add('0', make='0', use='1')
        >>> print(table.groups['0'])
        0: 8 channels
          make 0.weight[0]
          make 0.bias[0]
          use  1.weight[1]

    Attributes:
        groups: Name → group, in the order of declaration.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.groups: dict[str, ChannelGroup] = {}

    def add(self,
            name: str,
            make: str = '',
            use: str = '',
            each: str = '',
            *,
            mean: tuple[tuple[str, int], ...] = (),
            counts: tuple[tuple[str, str], ...] = (),
            least: int = 1,
            optional: bool = False,
            attention: str = '',
            value: str = '') -> None:
        """Declare a group.

        Args:
            name: Its name.
            make: Paths with spaces in between, as in :class:`Wires`.
            use: Likewise.
            each: Likewise.
            mean: (tensor, axis) whose entry behind the last channel reads
                their mean.
            counts: As in :class:`ChannelGroup`; norms that are named need
                no mention.
            least: As in :class:`ChannelGroup`.
            optional: As in :class:`ChannelGroup`.
            attention: As in :class:`ChannelGroup`.
            value: As in :class:`ChannelGroup`.

        Raises:
            MMGanCompError: The sizes of the layers do not fit together.
            NotOffered: A layer is of a kind that is not in the table.
        """
        parts: list[tuple[Part, int | None]] = []
        for side, paths in ((made, make), (passed, each), (used, use)):
            for word in paths.split():
                path, _, offset = word.partition('@')
                parts.append((side(self.network, path),
                              int(offset) if offset else None))
        # Layers that read more than this group say where it begins; of the
        # others the narrowest has one entry per channel.
        width = min(part.width for part, offset in parts if offset is None)
        slots: dict[tuple[str, int, int], Slot] = {}
        for part, offset in parts:
            block = _block(name, width, part, offset)
            for entry in part.entries:
                slot = Slot(entry.tensor, entry.axis,
                            (offset or 0) * entry.factor,
                            block * entry.factor, entry.role)
                slots.setdefault((slot.tensor, slot.axis, slot.offset), slot)
            counts += tuple(part.counts)
        for word in make.split():
            slots |= {(s.tensor, 0, 0): s for s in self._gates(word)}
        self.groups[name] = ChannelGroup(
            name,
            width,
            tuple(slots.values()),
            mean=tuple((tensor, axis, width) for tensor, axis in mean),
            counts=counts,
            least=min(least, width),
            optional=optional,
            attention=attention,
            value=value)

    def join(self, name: str, wires: Wires) -> None:
        """Declare the group at collected layers; the trunk of a network."""
        self.add(
            name,
            ' '.join(wires.make),
            ' '.join(wires.use),
            ' '.join(wires.each),
            least=wires.least)

    def _gates(self, path: str) -> list[Slot]:
        """The numbers of a gate on what a layer writes, if it has one."""
        gates = getattr(self.network, 'gates', ())
        return [
            Slot(f'gates.{name}.{tensor}', 0, role='each')
            for name in _slots(path)
            if name in gates for tensor in ('weight', 'kept')
        ]

    def joining(self, path: str) -> str:
        """The layer that writes a residual sum at the end of a branch.

        Args:
            path: The block with the branch's last convolution.

        Returns:
            The transition layer behind it, where the network has one
            (:func:`mmgancomp.channels.gating.add_transitions`): the block's
            channels are then a group of their own. Else the block.
        """
        transitions = getattr(self.network, 'transitions', ())
        for slot in _slots(path):
            if slot in transitions:
                self.add(path, path, f'transitions.{slot}')
                return f'transitions.{slot}'
        return path

    def chain(self, paths: list[str]) -> None:
        """Declare a group between each of these layers and the next."""
        for path, following in zip(paths, paths[1:]):
            self.add(path, path, following)

    def attention(self, path: str, trunk: Wires) -> None:
        """Declare a self-attention block whose sum joins the trunk.

        Args:
            path: Path of the block, with convolutions ``theta``, ``phi``,
                ``g`` and ``o``.
            trunk: Group of its input, which is also that of its output. The
                stock class cannot be built with less than 8 channels.
        """
        trunk.make.append(f'{path}.o')
        trunk.use += [f'{path}.{name}' for name in ('theta', 'phi', 'g')]
        trunk.least = 8
        self.add(f'{path}.g', f'{path}.g', f'{path}.o')
        self.add(
            f'{path}.theta',
            f'{path}.theta {path}.phi',
            attention=path,
            value=f'{path}.g')


def _slots(path: str) -> list[str]:
    """What a gate on a layer, or on the convolution in it, is called."""
    return [conv.replace('.', '-') for conv in (path, f'{path}.conv')]


def _block(name: str, width: int, part: Part, offset: int | None) -> int:
    if offset is not None:
        if offset + width <= part.width:
            return 1
    elif part.width % width == 0:
        return part.width // width
    raise MMGanCompError(
        f'channel group {name!r}: {part.path} has {part.width} channels, '
        f'which do not hold the group\'s {width}' +
        ('' if offset is None else f' from {offset} on'))

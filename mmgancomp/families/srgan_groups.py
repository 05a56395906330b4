"""Channel groups and gates of the super-resolution networks."""

from __future__ import annotations

from torch import nn

from .groups import GroupTable, Wires
from .sites import GateSite

__all__ = [
    'gates_of_residual', 'gates_of_residual_dense', 'modified_vgg',
    'residual', 'residual_dense'
]


def residual(network: nn.Module) -> GroupTable:
    """Declare SRGAN's generator: one trunk, then upsampling by shuffling.

    A shuffling layer writes scale × scale entries of each channel, one
    behind the other.
    """
    table = GroupTable(network)
    trunk = Wires(['conv_first'])
    for index in range(len(network.trunk_net)):
        first, second = (f'trunk_net.{index}.conv{i}' for i in (1, 2))
        table.add(first, first, second)
        trunk.use.append(first)
        trunk.make.append(table.joining(second))
    tail = [f'{path}.upsample_conv' for path in _shuffles(network)]
    tail += ['conv_hr', 'conv_last']
    trunk.use.append(tail[0])
    table.join('conv_first', trunk)
    table.chain(tail)
    return table


def residual_dense(network: nn.Module) -> GroupTable:
    """Declare ESRGAN's generator.

    Inside of a dense block a convolution reads the trunk and the outputs of
    all before it, side by side.
    """
    table = GroupTable(network)
    width = network.conv_first.out_channels
    trunk = Wires(['conv_first', table.joining('conv_body')],
                  ['conv_body', 'conv_up1'])
    for index, block in enumerate(network.body):
        for name, _ in block.named_children():
            paths = [f'body.{index}.{name}.conv{i}' for i in range(1, 6)]
            trunk.use += [f'{path}@0' for path in paths]
            trunk.make.append(table.joining(paths[-1]))
            offset = width
            for at, path in enumerate(paths[:-1], 1):
                table.add(path, path,
                          ' '.join(f'{p}@{offset}' for p in paths[at:]))
                offset += table.groups[path].width
    table.join('conv_first', trunk)
    table.chain(['conv_up1', 'conv_up2', 'conv_hr', 'conv_last'])
    return table


def gates_of_residual(network: nn.Module) -> list[GateSite]:
    """Two in each block of SRGAN's generator, then each layer behind them."""
    sites = []
    for index in range(len(network.trunk_net)):
        first, second = (f'trunk_net.{index}.conv{i}' for i in (1, 2))
        sites += [GateSite(first, first), GateSite(second, second, True)]
    for path in _shuffles(network):
        scale = network.get_submodule(path).scale_factor
        sites.append(
            GateSite(f'{path}.upsample_conv', path, shuffled=scale**2))
    return [*sites, GateSite('conv_hr', 'conv_hr')]


def gates_of_residual_dense(network: nn.Module) -> list[GateSite]:
    """Five in each dense block of ESRGAN's generator, and those behind."""
    paths = [
        f'body.{index}.{name}.conv{i}'
        for index, block in enumerate(network.body)
        for name, _ in block.named_children() for i in range(1, 6)
    ]
    paths += ['conv_body', 'conv_up1', 'conv_up2', 'conv_hr']
    return [
        GateSite(path, path, path.endswith(('conv5', 'conv_body')))
        for path in paths
    ]


def _shuffles(network: nn.Module) -> list[str]:
    return [path for path in ('upsample1', 'upsample2')
            if hasattr(network, path)]


def modified_vgg(network: nn.Module) -> GroupTable:
    """Declare the discriminator: a chain whose norms stand beside it."""
    table = GroupTable(network)
    convolutions = [f'{stage}_{i}' for stage in range(5) for i in (0, 1)]
    readers = [*(f'conv{name}' for name in convolutions), 'linear1', 'linear2']
    for name, path, reader in zip([*convolutions, ''], readers, readers[1:]):
        norm = f'bn{name}' if hasattr(network, f'bn{name}') else ''
        table.add(path, path, reader, norm)
    return table

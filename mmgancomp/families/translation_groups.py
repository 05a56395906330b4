"""Channel groups of the generators that translate images."""

from __future__ import annotations

from torch import nn

from .base import inherits
from .groups import GroupTable, Wires

__all__ = ['resnet', 'unet', 'unet_levels']


def resnet(network: nn.Module) -> GroupTable:
    """Declare CycleGAN's generator: all its blocks share one trunk."""
    table = GroupTable(network)
    name, current = 'model.0', Wires(['model.0'])
    for index, layer in enumerate(network.model[1:], 1):
        path = f'model.{index}'
        if inherits(layer, 'ResidualBlockWithDropout'):
            # A dropout may stand between the two.
            convolutions = [
                f'{path}.block.{i}' for i, part in enumerate(layer.block)
                if not isinstance(part, nn.Dropout)
            ]
            table.chain(convolutions)
            current.use.append(convolutions[0])
            current.make.append(table.joining(convolutions[-1]))
        else:
            current.use.append(path)
            table.join(name, current)
            name, current = path, Wires([path])
    return table


def unet_levels(network: nn.Module) -> list[tuple[str, str]]:
    """Paths of a U-Net's convolutions down and up, from the outside in."""
    block, path, levels = network.model, 'model', []
    while block is not None:
        inner, up = None, ''
        for index, layer in enumerate(block.model):
            if isinstance(layer, type(block)):
                inner = index
            elif any(isinstance(part, nn.ConvTranspose2d)
                     for part in layer.children()):
                up = f'{path}.model.{index}'
        levels.append((f'{path}.model.0', up))
        if inner is None:
            break
        block, path = block.model[inner], f'{path}.model.{inner}'
    return levels


def unet(network: nn.Module) -> GroupTable:
    """Declare Pix2Pix's generator.

    A convolution up reads the skip's channels first, then those of the
    level below; the innermost has no skip.
    """
    table = GroupTable(network)
    levels = unet_levels(network)
    for (down, up), (deeper, below) in zip(levels, levels[1:]):
        table.add(down, down, f'{deeper} {up}@0')
        table.add(below, below, f'{up}@{table.groups[down].width}')
    innermost, up = levels[-1]
    table.add(innermost, innermost, up)
    return table

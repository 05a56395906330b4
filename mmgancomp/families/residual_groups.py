"""Channel groups of the residual networks of BigGAN, SAGAN and SNGAN."""

from __future__ import annotations

from torch import nn

from .base import inherits
from .groups import GroupTable, Wires

__all__ = ['biggan_deep', 'discriminator', 'generator']


def generator(network: nn.Module, mark: str, norm: str,
              output: str) -> GroupTable:
    """Declare a generator of residual blocks.

    The trunk goes on through a block without convolution in its shortcut,
    and begins anew at one that has one.

    Args:
        network: The generator.
        mark: What stands before the number of a block's layers: ``''`` for
            ``conv1``, ``'_'`` for ``conv_1``.
        norm: What its norms are called: ``'bn'``, ``'norm'``.
        output: Path of the layer that makes the image.
    """
    table = GroupTable(network)
    name, trunk = 'noise2feat', Wires(['noise2feat'])
    for index, block in enumerate(network.conv_blocks):
        path = f'conv_blocks.{index}'
        if _is_attention(block):
            table.attention(path, trunk)
            continue
        first, second = (f'{path}.conv{mark}{i}' for i in (1, 2))
        table.add(first, first, second, f'{path}.{norm}{mark}2')
        second = table.joining(second)
        trunk.use.append(first)
        trunk.each.append(f'{path}.{norm}{mark}1')
        if block.learnable_sc:
            trunk.use.append(f'{path}.shortcut')
            table.join(name, trunk)
            name, trunk = path, Wires([second, f'{path}.shortcut'])
        else:
            trunk.make.append(second)
    trunk.use.append(output)
    table.join(name, trunk)
    _add_shared_embedding(table, network)
    return table


def discriminator(network: nn.Module, mark: str,
                  first: str | None = None) -> GroupTable:
    """Declare a discriminator of residual blocks, with projection or not.

    Args:
        network: The discriminator.
        mark: As for :func:`generator`.
        first: Path of a block that stands before the others.
    """
    table = GroupTable(network)
    blocks = [first] if first else []
    blocks += [f'conv_blocks.{i}' for i in range(len(network.conv_blocks))]
    # What the first block reads is the image.
    name, trunk = '', Wires()
    for path in blocks:
        block = network.get_submodule(path)
        if _is_attention(block):
            table.attention(path, trunk)
            continue
        one, two = (f'{path}.conv{mark}{i}' for i in (1, 2))
        table.add(one, one, two)
        trunk.use.append(one)
        if getattr(block, 'learnable_sc', True):
            trunk.use.append(f'{path}.shortcut')
            if name:
                table.join(name, trunk)
            name, trunk = path, Wires([two, f'{path}.shortcut'])
        else:
            trunk.make.append(two)
    trunk.use.append('decision')
    if network.num_classes > 0:
        # Multiplied with the features, class by class.
        trunk.use.append('proj_y')
    if name:
        table.join(name, trunk)
    return table


def biggan_deep(network: nn.Module) -> GroupTable:
    """Declare what is inside of the blocks of a BigGAN-deep generator.

    Its trunk has no groups: shortcuts pass on the first of its channels,
    however many the next block has.
    """
    table = GroupTable(network)
    for index, block in enumerate(network.conv_blocks):
        path = f'conv_blocks.{index}'
        if not _is_attention(block):
            for i in (1, 2, 3):
                table.add(f'{path}.conv{i}', f'{path}.conv{i}',
                          f'{path}.conv{i + 1}', f'{path}.bn{i + 1}')
            table.joining(f'{path}.conv4')
    return table


def _is_attention(block: nn.Module) -> bool:
    return inherits(block, 'SelfAttentionBlock')


def _add_shared_embedding(table: GroupTable, network: nn.Module) -> None:
    """The class vector that all conditional norms read, before the noise."""
    shared = getattr(network, 'shared_embedding', None)
    if not isinstance(shared, nn.Embedding):
        return
    readers = [
        f'{path}@0' for path, module in network.named_modules()
        if path.endswith(('.gain', '.bias')) and isinstance(module, nn.Linear)
    ]
    table.add('shared_embedding', 'shared_embedding', ' '.join(readers),
              optional=True)

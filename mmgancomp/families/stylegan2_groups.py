"""Channel groups of StyleGAN2."""

from __future__ import annotations

from torch import nn

from .groups import GroupTable, Wires

__all__ = ['discriminator', 'generator']


def generator(network: nn.Module) -> GroupTable:
    """Declare the generator.

    RGB skips, noise maps and their strengths have no channels to cut. The W
    space, which every style reads, is one group that rankings leave whole.
    """
    table = GroupTable(network)
    layers = ['conv1', *(f'convs.{i}' for i in range(len(network.convs)))]
    table.add('constant_input', 'constant_input', 'conv1')
    for index, path in enumerate(layers):
        readers = layers[index + 1:index + 2]
        if index % 2 == 0:
            rgb = f'to_rgbs.{index // 2 - 1}' if index else 'to_rgb1'
            readers = [*readers, rgb]
        table.add(path, path, ' '.join(readers))
    # The first entry normalises the latent.
    mapping = [f'style_mapping.{i}'
               for i in range(1, len(network.style_mapping))]
    table.chain(mapping)
    styles = [
        path for path, _ in network.named_modules()
        if path.endswith('.style_modulation')
    ]
    # An average of W that is kept beside the layers is no layer.
    if mapping and not hasattr(network, 'w_avg'):
        table.add(mapping[-1], mapping[-1], ' '.join(styles), optional=True)
    return table


def discriminator(network: nn.Module) -> GroupTable:
    """Declare the discriminator.

    Its last trunk is also read by its mean, through the minibatch
    statistics. With more than one group of channels there, they are left as
    they are.
    """
    table = GroupTable(network)
    name, trunk = 'convs.0', Wires(['convs.0'])
    for index in range(1, len(network.convs)):
        path = f'convs.{index}'
        table.add(f'{path}.conv1', f'{path}.conv1', f'{path}.conv2')
        trunk.use += [f'{path}.conv1', f'{path}.skip']
        table.join(name, trunk)
        name, trunk = path, Wires([f'{path}.conv2', f'{path}.skip'])
    if network.mbstd_layer.channel_groups == 1:
        table.add(
            name,
            ' '.join(trunk.make),
            'final_conv@0',
            mean=(('final_conv.0.conv.weight_orig', 1), ))
    table.chain(['final_conv', 'final_linear.0', 'final_linear.1'])
    return table

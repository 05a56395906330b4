"""Where in a generator channels can be gated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils.spectral_norm import (
    SpectralNorm,
    SpectralNormLoadStateDictPreHook,
)

from .base import inherits
from .groups import ChannelGroup

__all__ = [
    'GateSite', 'group_of', 'in_residual_blocks', 'plain_layers',
    'transition_like', 'without_spectral_norm'
]


class GateSite(NamedTuple):
    """A place where channels are multiplied by gates.

    Attributes:
        conv: The convolution whose filters write the channels.
        after: The module whose output is multiplied: what comes between
            the convolution and its activation is before it, so that no norm
            and no bias revives a closed channel.
        also: Further modules whose output is multiplied likewise.
        joins: Whether the gated channels are then added to other ones. A
            1×1 convolution comes in between: PPCD-GAN's transition layer.
        shuffled: How many of the convolution's channels a pixel shuffle
            makes one of before they are multiplied.
    """

    conv: str
    after: str
    joins: bool = False
    also: tuple[str, ...] = ()
    shuffled: int = 1

    @property
    def slot(self) -> str:
        """The name of what is put here: no module's name holds a dot."""
        return self.conv.replace('.', '-')


def in_residual_blocks(network: nn.Module, path: str, kinds: Iterable[str],
                       hidden: Iterable[tuple[str, str]],
                       last: str) -> list[GateSite]:
    """Gates of a list of residual blocks whose norm comes first.

    Args:
        network: The network.
        path: Where it has the list.
        kinds: Class names of the blocks; others, like attention, have none.
        hidden: Per hidden convolution its path in the block, and that of
            the norm after it.
        last: The convolution before the addition.
    """
    return [
        site for index, block in enumerate(network.get_submodule(path))
        if inherits(block, *kinds) for site in [
            *(GateSite(f'{path}.{index}.{conv}', f'{path}.{index}.{norm}')
              for conv, norm in hidden),
            GateSite(f'{path}.{index}.{last}', f'{path}.{index}.{last}', True)
        ]
    ]


def plain_layers(network: nn.Module, *paths: str,
                 joins: bool = False) -> list[GateSite]:
    """Gates of layers that are mmcv's ``ConvModule``: after their norm.

    Args:
        network: The network.
        *paths: The layers.
        joins: See :class:`GateSite`.
    """
    sites = []
    for path in paths:
        layer = network.get_submodule(path)
        norm = layer.norm_name if layer.with_norm else 'conv'
        sites.append(GateSite(f'{path}.conv', f'{path}.{norm}', joins))
    return sites


def group_of(groups: Mapping[str, ChannelGroup], site: GateSite) -> str:
    """The channel group that a site's convolution writes."""
    return next(name for name, group in groups.items() if any(
        slot.role == 'make' and slot.tensor.startswith(f'{site.conv}.')
        for slot in group.slots))


def transition_like(conv: nn.Module, channels: int) -> nn.Module:
    """A 1×1 convolution with the spectral norm of another one, if it has.

    Args:
        conv: The convolution that it follows.
        channels: Of its input and of its output.
    """
    if inherits(conv, 'SNConv2d'):
        return type(conv)(channels, channels, 1, eps=conv.eps)
    made = nn.Conv2d(channels, channels, 1)
    for hook in conv._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm):
            return nn.utils.spectral_norm(
                made,
                n_power_iterations=hook.n_power_iterations,
                eps=hook.eps)
    return made


@torch.no_grad()
def without_spectral_norm(network: nn.Module) -> None:
    """Put W/σ in the place of every spectrally normalised weight.

    In eval mode the network does what it did, to rounding: σ is what eval
    mode divides by. Parameters are then called ``weight``, as of plain
    layers.

    Args:
        network: Changed in place.
    """
    for module in network.modules():
        if hasattr(module, 'sn_weight'):  # ajbrock's style
            _materialise(module)
        elif any(isinstance(hook, SpectralNorm)
                 for hook in module._forward_pre_hooks.values()):
            nn.utils.remove_spectral_norm(module)
            _forget_loading(module)


def _forget_loading(module: nn.Module) -> None:
    """Drop the hook that spectral norm leaves behind when it is removed.

    Torch looks for the hook itself, and it is wrapped: plain weights would
    be refused for want of those of spectral norm.
    """
    hooks = module._load_state_dict_pre_hooks
    for key, hook in list(hooks.items()):
        if isinstance(getattr(hook, 'hook', hook),
                      SpectralNormLoadStateDictPreHook):
            del hooks[key]


def _materialise(module: nn.Module) -> None:
    """Make an ajbrock-style layer the plain one that it is built on.

    The object stays: hooks of other modules may hold it.
    """
    training = module.training
    weight = module.eval().sn_weight().detach().clone()
    module.train(training)
    for name in list(module._buffers):
        del module._buffers[name]
    for name in ('num_svs', 'num_iters', 'transpose', 'eps'):
        delattr(module, name)
    module.__class__ = next(
        base for base in (nn.Conv2d, nn.Linear, nn.Embedding)
        if isinstance(module, base))
    module.weight = nn.Parameter(weight)

"""Networks of all kinds, settled, with random plans to cut them by."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import torch
from mmengine import DefaultScope
from torch import Tensor, nn

from mmgancomp import families
from mmgancomp.channels import remove
from mmgancomp.channels.groups import Groups
from mmgancomp.channels.slicing import copy_of
from mmgancomp.families import Family
from tests.support import tiny

__all__ = [
    'NETWORKS', 'SINGLE', 'call', 'config', 'family_of', 'gradients',
    'network', 'plan', 'precision', 'remove_checked', 'run', 'tolerance'
]

_ATTENTION = dict(
    in_channels=[4, 4],
    out_channels=[4, 2],
    upsample=[True, True],
    downsample=[True, True],
    resolution=[16, 32],
    attention=[True, False])


def _biggan(style: str) -> dict[str, dict[str, Any]]:
    """With attention, which the stock networks have from 64 px on."""
    common = dict(num_classes=3, base_channels=8, sn_style=style)
    widths = {
        key: [8 * w for w in value] if 'channels' in key else value
        for key, value in _ATTENTION.items()
    }
    return {
        'generator':
        dict(
            type='BigGANGenerator',
            output_scale=16,
            noise_size=24,
            with_shared_embedding=True,
            shared_dim=8,
            arch_cfg=widths,
            **common),
        'discriminator':
        dict(
            type='BigGANDiscriminator',
            input_scale=16,
            arch_cfg=widths | dict(in_channels=[3, 32]),
            **common)
    }


_FOUND = dict(
    derived_generator=dict(
        type='mmgancomp.DerivedGenerator', genotype='alphagan_s',
        base_channels=6, noise_size=5, bottom_width=2),
    # What the published architecture has not.
    derived_mixed=dict(
        type='mmgancomp.DerivedGenerator', base_channels=6, noise_size=5,
        bottom_width=1, genotype=[
            dict(up=['deconv_norm', 'nearest_conv'],
                 normal=['identity', 'conv_3x3_bn', 'none']),
            dict(up=['deconv', 'bilinear_conv'], skip=['deconv'],
                 normal=['none', 'conv_1x1', 'sep_conv_3x3_single']),
            dict(up=['nearest', 'deconv'], skip=['deconv_norm', 'bilinear'],
                 normal=['sep_conv_3x3', 'identity', 'conv_1x1_sn'])]),
    derived_discriminator=dict(
        type='mmgancomp.DerivedDiscriminator', base_channels=6,
        input_scale=8, genotype=[
            dict(lift=['conv_3x3_first'], normal=['conv_3x3_sn']),
            dict(normal=['none', 'conv_1x1_sn']),
            dict(normal=['conv_1x1_sn', 'identity']),
            dict(normal=['conv_3x3_sn', 'conv_1x1_sn'])]))

_CONFIGS: dict[str, dict[str, Any]] = {
    **_FOUND,
    **{
        f'biggan_{style}_{role}': config
        for style in ('torch', 'ajbrock')
        for role, config in _biggan(style).items()
    },
    'biggan_deep':
    dict(
        type='BigGANDeepGenerator',
        output_scale=32,
        noise_size=8,
        num_classes=3,
        base_channels=8,
        sn_style='torch'),
    'lsgan_generator':
    dict(type='LSGANGenerator', output_scale=32, base_channels=16,
         noise_size=8),
    'lsgan_discriminator':
    dict(type='LSGANDiscriminator', input_scale=32, base_channels=8),
    'resnet_bn':
    dict(type='ResnetGenerator', in_channels=3, out_channels=3,
         base_channels=8, num_blocks=2, norm_cfg=dict(type='BN'),
         use_dropout=True),
    'unet_in':
    dict(type='UnetGenerator', in_channels=3, out_channels=3, num_down=5,
         base_channels=8, norm_cfg=dict(type='IN')),
    'patch_in':
    dict(type='PatchDiscriminator', in_channels=3, base_channels=8,
         num_conv=2, norm_cfg=dict(type='IN')),
}

_FAMILIES = {
    f'{name}_{role}': (name, role)
    for name in tiny.FAMILIES for role in ('generator', 'discriminator')
}

NETWORKS = [*_FAMILIES, *_CONFIGS]
"""Names of networks: of every family and kind, and of further types."""

SINGLE = [name for name in NETWORKS if name.startswith('stylegan2')]
"""Their blocks convert to single precision themselves."""


def config(name: str) -> dict[str, Any]:
    """What builds a network: its own config, without a model around it.

    Args:
        name: One of :data:`NETWORKS`.
    """
    if name in _FAMILIES:
        return tiny.network_config(*_FAMILIES[name])
    return deepcopy(_CONFIGS[name])


def precision(name: str) -> torch.dtype:
    """The most precise numbers that a network computes with."""
    return torch.float32 if name in SINGLE else torch.float64


def tolerance(name: str) -> float:
    """Relative difference that rounding may make to a network's output."""
    return 1e-4 if name in SINGLE else 1e-10


@cache
def _settled(name: str) -> tuple[nn.Module, Family]:
    if name in _FAMILIES:
        family_name, role = _FAMILIES[name]
        model = tiny.model(family_name)
        family = families.of(model)
        built = next(n.module for n in family.networks(model).values()
                     if n.role == role)
    else:
        from mmgancomp.registry import MODELS
        with DefaultScope.overwrite_default_scope('mmagic'):
            built = MODELS.build(_CONFIGS[name])
        family = families.grouping(built)[0]
    for module in built.modules():
        if isinstance(module, nn.Dropout):
            # Which entries it drops depends on how many there are.
            module.p = 0.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for path, weight in built.named_parameters():
            # What starts at zero or one would hide what is forgotten.
            if weight.ndim < 2 or 'embedding' in path:
                weight += .3 * torch.randn(weight.shape, generator=generator)
        args, kwargs = call(family, built)
        built.train()
        for _ in range(3):
            built(*args, **kwargs)
    return built, family


def network(name: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A copy of a network that has seen a few batches.

    Args:
        name: One of :data:`NETWORKS`.
        dtype: Of its weights.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return copy_of(_settled(name)[0]).to(dtype)


def family_of(name: str) -> Family:
    """The family that knows the network."""
    return _settled(name)[1]


def call(family: Family,
         built: nn.Module) -> tuple[tuple, Mapping[str, Any]]:
    """Arguments of a forward with four images, small ones where it may."""
    size = None
    if family.name in ('cyclegan', 'pix2pix'):
        size = 32
    elif hasattr(built, 'upscale_factor'):
        size = 16
    args, kwargs = family.example_call(built, 4,
                                       torch.Generator().manual_seed(0), size)
    dtype = next(built.parameters()).dtype
    return tuple(a.to(dtype) for a in args), kwargs


def remove_checked(name: str, built: nn.Module, kept: Mapping[str, list[int]],
                   **options: Any) -> nn.Module:
    """``remove`` with small images; it compares before and after.

    Args:
        name: What :func:`network` was asked for.
        built: That network, killed.
        kept: The plan.
        **options: Of ``remove``.
    """
    return remove(
        built, kept, call=lambda net: call(family_of(name), net), **options)


def plan(groups: Groups, seed: int, share: float = .7) -> dict[str, list[int]]:
    """A random legal plan that cuts every group.

    Args:
        groups: The network's groups.
        seed: Of the draw.
        share: About how much of each group stays.
    """
    draw = random.Random(seed)
    sizes = {name: max(1, int(share * g.width)) for name, g in groups.items()}
    for group in groups.values():
        if group.attention:
            q = sizes[group.name]
            sizes[group.value] = min(
                groups[group.value].width, 4 * q + draw.randrange(4))
    return {
        name: sorted(draw.sample(range(groups[name].width), size))
        for name, size in sizes.items()
    }


def run(family: Family, built: nn.Module, training: bool) -> Tensor:
    """Output of a forward; dropout and noise as in every other call."""
    built.train(training)
    args, kwargs = call(family, built)
    with family.fixed_noise(built):
        torch.manual_seed(0)
        return built(*args, **kwargs)


def gradients(family: Family, built: nn.Module) -> dict[str, Tensor]:
    """Gradient of each parameter for a fixed loss, in training mode."""
    built.zero_grad()
    out = run(family, built, True)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype)
    (out.flatten() * weights).sum().backward()
    return {
        name: weight.grad
        for name, weight in built.named_parameters()
        if weight.grad is not None
    }

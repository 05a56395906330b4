"""Match the student's features to the teacher's, in names and in widths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError, closest
from mmgancomp.families.base import Family, NotOffered
from mmgancomp.families.calls import FeaturePoint

from .taps import RandomState, Taps, spared_buffers
from .term import Binding

__all__ = [
    'connector', 'example_features', 'family_of', 'find_point', 'points_of',
    'read_layers'
]


def read_layers(layers: Any, key: str) -> dict[str, str]:
    """Student's layer → teacher's, from what a config says.

    Args:
        layers: A list of names that both have, or a dict of pairs.
        key: Its config key.

    Raises:
        ConfigError: If it is neither, or empty.
    """
    if isinstance(layers, str):
        layers = [layers]
    pairs = dict(layers) if isinstance(layers, Mapping) else {
        name: name
        for name in layers or ()
    } if isinstance(layers, (list, tuple)) or layers is None else {}
    if not pairs or not all(
            isinstance(x, str) for pair in pairs.items() for x in pair):
        raise ConfigError.at(
            key, layers, "write the layers as a list of names, like "
            "['block2', 'conv_blocks.1'], or a dict, student's → teacher's")
    return pairs


def family_of(binding: Binding) -> Family:
    """The family of a term's teacher, which may be another one."""
    return binding.teacher.family or binding.family


def points_of(family: Family, network: nn.Module) -> dict[str, FeaturePoint]:
    """The feature points of a network; empty where the family has none."""
    try:
        return family.feature_points(network)
    except NotOffered:
        return {}


def find_point(family: Family, network: nn.Module, name: str,
               key: str) -> FeaturePoint:
    """The feature point, or the module, of that name.

    Raises:
        ConfigError: If there is none.
    """
    points = points_of(family, network)
    if name in points:
        return points[name]
    modules = [path for path, _ in network.named_modules() if path]
    if name in modules:
        return FeaturePoint(name)
    known = [*points, *modules]
    shown = f'feature points: {", ".join(points)}; ' if points else ''
    raise ConfigError.at(
        key, name, f'{type(network).__name__} has no such feature point or '
        f'module; {shown}{closest(name, known)}')


def example_features(family: Family, network: nn.Module,
                     paths: list[str]) -> dict[str, Tensor]:
    """Features of an example batch of two; the network stays as it is."""
    device = next(network.parameters()).device
    taps, features = Taps(network), {}
    for path in paths:
        taps.add(path)
    generator = torch.Generator().manual_seed(0)
    try:
        with torch.no_grad(), spared_buffers(network), RandomState.isolated(
                device), taps.collect(features):
            args, kwargs = family.example_call(network, 2, generator)
            network(*args, **kwargs)
    finally:
        taps.remove()
    return features


def connector(student: Tensor, teacher: Tensor, seed: int,
              key: str, name: str) -> nn.Module:
    """A layer from the student's width to the teacher's.

    1×1 without bias, as DGL-GAN's (Eq. 7 and the official code); nothing
    where the widths are the same. The start is torch's own for such a
    layer, drawn from ``seed``.

    Args:
        student: Features of the student, (N, C, …).
        teacher: Those of the teacher.
        seed: Equal on all ranks.
        key: Config key for errors.
        name: The layer, as the config has it.

    Raises:
        ConfigError: If they differ in more than width.
    """
    if student.dim() not in (2, 4) or student.dim() != teacher.dim() or (
            student.shape[2:] != teacher.shape[2:]):
        raise ConfigError.at(
            key, name, 'the features must be of one size, up to their '
            f'channels; the student has {_shape(student)} there, the teacher '
            f'{_shape(teacher)}')
    here, there = student.shape[1], teacher.shape[1]
    if here == there:
        return nn.Identity()
    with RandomState.isolated(torch.device('cpu')):
        torch.default_generator.manual_seed(seed)
        if student.dim() == 2:
            return nn.Linear(here, there, bias=False)
        return nn.Conv2d(here, there, 1, bias=False)


def _shape(features: Tensor) -> str:
    return '×'.join(map(str, features.shape[1:])) or 'a number'

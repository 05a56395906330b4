"""The networks of a config and a checkpoint, as they are profiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmgancomp import families
from mmgancomp.errors import ConfigError, MMGanCompError, closest
from mmgancomp.runtime.building import build_model
from mmgancomp.runtime.weights import differences, weights_of
from mmgancomp.sparsity.packed import unpack_mask

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'Subject', 'chosen_names', 'load_network', 'masks_in',
    'subjects'
]

_SEED = 0


@dataclass(frozen=True)
class Subject:
    """One network to profile.

    Attributes:
        name: Its name in the model, for example ``generator``.
        role: ``'generator'`` or ``'discriminator'``.
        module: What is profiled: the EMA copy if the model has one.
        weights: Which that is, ``'ema'`` or ``'live'``.
        maskable: Names of the weights that a mask could cover.
        masks: Parameter name → mask from the checkpoint, or None.
        family: The family that claims the model.
        size: Image edge for networks that take any, or None.
    """

    name: str
    role: str
    module: nn.Module
    weights: str
    maskable: list[str]
    masks: dict[str, Tensor] | None
    family: families.Family
    size: int | None = None

    def call(self, batch: int) -> tuple[tuple, Mapping[str, Any]]:
        """Arguments of a forward; the same for the same batch size."""
        generator = torch.Generator().manual_seed(_SEED)
        return self.family.example_call(
            self.module, batch, generator, size=self.size)


def subjects(config: Config,
             checkpoint: str | Path | None = None,
             names: Sequence[str] = ('generator', ),
             size: int | None = None) -> list[Subject]:
    """Build a model and give those of its networks that were asked for.

    Args:
        config: A training config.
        checkpoint: Weights to load, or None: as they are initialised.
        names: Roles (``'generator'``, ``'discriminator'``), ``'all'``, or
            names of networks.
        size: Image edge for networks that take any.

    Raises:
        ConfigError: A name that fits no network, or a checkpoint whose
            weights are not exactly those of the networks.
    """
    model = build_model(config)
    family = families.of(model)
    networks = family.networks(model)
    loaded: dict[str, Any] = {}
    if checkpoint is not None:
        from mmengine.runner import CheckpointLoader
        loaded = CheckpointLoader.load_checkpoint(
            str(checkpoint), map_location='cpu')
    chosen = []
    for name in chosen_names(networks, names):
        network = networks[name]
        module = network.module if network.ema is None else network.ema
        if checkpoint is not None:
            load_network(model, module, loaded, checkpoint)
        chosen.append(
            Subject(
                name=name,
                role=network.role,
                module=module,
                weights='live' if network.ema is None else 'ema',
                maskable=[w.name for w in family.convolutions(module)],
                masks=masks_in(loaded, name, module, checkpoint),
                family=family,
                size=size))
    return chosen


def chosen_names(networks: Mapping[str, families.Network],
                 names: Sequence[str]) -> list[str]:
    """Names of the networks that were asked for.

    Args:
        networks: Those of the model.
        names: As for :func:`subjects`.

    Raises:
        ConfigError: A name that fits no network.
    """
    found = []
    for asked in names:
        fits = [
            name for name, network in networks.items()
            if asked in ('all', name, network.role)
        ]
        if not fits:
            roles = {network.role for network in networks.values()}
            raise ConfigError.at('--networks', asked,
                                 closest(asked, {'all', *networks, *roles}))
        found += [name for name in fits if name not in found]
    return found


def load_network(model: nn.Module, module: nn.Module,
                 loaded: Mapping[str, Any], checkpoint: str | Path) -> None:
    """Load one network strictly; the file may hold more than it.

    Args:
        model: The model that has it.
        module: The network.
        loaded: What the file holds.
        checkpoint: The file, for errors.

    Raises:
        ConfigError: The file's weights are not exactly the network's.
    """
    prefix = next(path for path, part in model.named_modules()
                  if part is module) + '.'
    tensors = weights_of(loaded, 'checkpoint', str(checkpoint))
    # Stock MMagic leaves the wrapper's name in checkpoints of several
    # processes; an EMA copy is never wrapped.
    wrapped = f'{prefix}module.'
    if any(key.startswith(wrapped) for key in tensors) and not any(
            key.startswith(wrapped) for key in model.state_dict()):
        prefix = wrapped
    own = {
        key[len(prefix):]: value
        for key, value in tensors.items() if key.startswith(prefix)
    }
    if not own:
        shown = ', '.join(list(tensors)[:3]) or 'nothing'
        raise ConfigError.at(
            'checkpoint', str(checkpoint),
            f'holds no weights {prefix}*; its first keys are {shown}')
    wrong = differences(module.state_dict(), own)
    if wrong:
        raise ConfigError.at('checkpoint', str(checkpoint),
                             f'does not fit the config at {prefix}*: {wrong}')
    module.load_state_dict(own, strict=True)


def masks_in(loaded: Mapping[str, Any], name: str, module: nn.Module,
             checkpoint: str | Path | None) -> dict[str, Tensor] | None:
    """The masks of one network in a checkpoint of ours, if it has any.

    Args:
        loaded: What the file holds.
        name: The network's name.
        module: The network.
        checkpoint: The file, for errors.

    Raises:
        ConfigError: They are damaged, or not of this network.
    """
    try:
        ours = loaded.get('mmgancomp') or {}
        state = (ours.get('sparsity') or {}).get(name) or {}
        masks = {
            key: unpack_mask(mask['bits'], mask['shape'])
            for key, mask in (state.get('masks') or {}).items()
        }
        fits = all(mask.shape == module.get_parameter(key).shape
                   for key, mask in masks.items())
    except (AttributeError, LookupError, TypeError, MMGanCompError):
        fits = False
    if not fits:
        raise ConfigError.at(
            'checkpoint', str(checkpoint),
            f'its masks of {name} are damaged, or of another network; name '
            'another checkpoint')
    return masks or None

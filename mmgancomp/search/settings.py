"""The settings of a search, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from mmengine.dist import get_world_size
from torch import Tensor

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.runtime.companion import build_companion
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.plain import to_plain

from .discriminator import SearchableDiscriminator
from .gap import OBJECTIVES
from .networks import SearchableGenerator
from .timeline import Timeline

__all__ = ['SearchSettings']

KEY = 'train_cfg'
VARIANTS = {'s': 20, 'l': 390}
"""Steps of weights and copies in an epoch, of alphaGAN(s) and alphaGAN(l)."""

CHOICES = {
    'variant': tuple(VARIANTS),
    'targets': ('generator', 'both'),
    'objective': OBJECTIVES,
    'worst_update': ('weights', 'architecture', 'both'),
    'split': ('halves', 'mixed'),
    'solver': ('first_order', 'unrolled'),
    'sampling': ('softmax', 'gumbel'),
    'strategy': ('gap', 'random_search', 'random_sampling'),
}


@dataclass
class SearchSettings(Timeline):
    """Options of ``mmgancomp.DualityGapSearchLoop``; see there."""

    architecture_dataloader: Any = None
    variant: str = 's'
    epochs: int = 100
    inner_steps: int | None = None
    worst_steps: int | None = None
    outer_steps: int = 20
    targets: str = 'generator'
    objective: str = 'gap'
    worst_update: str = 'weights'
    worst_lr_half_after: int = 30
    split: str = 'halves'
    lamina: float = 1.
    solver: str = 'first_order'
    unrolled_lr: float | None = None
    sampling: str = 'softmax'
    temperature: float = 0.5
    strategy: str = 'gap'
    architecture_begin: int = 0
    grow: Any = None
    optimizer: Any = field(default_factory=lambda: dict(
        type='Adam', lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3))
    val_interval: int = 4

    def __post_init__(self) -> None:
        # Architectures to choose from, known after check().
        self.space = 0

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> SearchSettings:
        """Read ``train_cfg``.

        Raises:
            ConfigError: If an option is unknown or impossible.
        """
        known = [f.name for f in fields(cls)]
        check_options(KEY, {
            k: v for k, v in options.items() if k != 'type'}, known)
        settings = cls(**{k: v for k, v in options.items() if k != 'type'})
        settings._check_values()
        for name in ('inner_steps', 'worst_steps'):
            if getattr(settings, name) is None:
                setattr(settings, name, VARIANTS[settings.variant])
        return settings

    def _check_values(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise ConfigError.at(
                    f'{KEY}.{name}', value,
                    f'no such {name}; {closest(str(value), known)}')
        for name, least in (('epochs', 1), ('inner_steps', 1),
                            ('worst_steps', 1), ('outer_steps', 1),
                            ('val_interval', 1), ('architecture_begin', 0),
                            ('worst_lr_half_after', 0)):
            value = getattr(self, name)
            if value is None and name in ('inner_steps', 'worst_steps'):
                continue
            if type(value) is not int or value < least:
                raise ConfigError.at(f'{KEY}.{name}', value,
                                     f'write a number, at least {least}')
        for name in ('lamina', 'temperature', 'unrolled_lr'):
            value = getattr(self, name)
            if value is None and name == 'unrolled_lr':
                continue
            if type(value) not in (int, float) or not value > 0:
                raise ConfigError.at(f'{KEY}.{name}', value,
                                     'write a number above 0')
        if self.architecture_begin >= self.epochs:
            raise ConfigError.at(
                f'{KEY}.architecture_begin', self.architecture_begin,
                f'the run has {self.epochs} epochs, so the architecture '
                'would never be searched; write a smaller number')
        if self.grow is not None and not (
                isinstance(self.grow, (list, tuple)) and self.grow
                and all(type(e) is int for e in self.grow)
                and list(self.grow) == sorted({*self.grow})
                and 0 < self.grow[0] and self.grow[-1] < self.epochs):
            raise ConfigError.at(
                f'{KEY}.grow', self.grow,
                'write the epochs after which a cell is added, rising and '
                f'below {self.epochs}, such as [20, 60]')
        if not isinstance(self.architecture_dataloader, Mapping):
            raise ConfigError.at(
                f'{KEY}.architecture_dataloader',
                self.architecture_dataloader,
                'write a dataloader like train_dataloader, of images that '
                'are held out for the architecture')
        self._check_together()

    def _check_together(self) -> None:
        """Options that would be ignored, or exclude each other."""
        random = self.strategy != 'gap'
        for unused, name, default, why in (
            (self.solver != 'unrolled', 'unrolled_lr', None,
             "solver is not 'unrolled'"),
            (self.split != 'mixed', 'lamina', 1., "split is not 'mixed'"),
            (self.sampling != 'gumbel', 'temperature', .5,
             "sampling is not 'gumbel'"),
            (random, 'targets', 'generator', 'a baseline draws generators'),
            (random, 'objective', 'gap', 'a baseline ranks by the gap'),
            (random, 'solver', 'first_order', 'a baseline has no gradient'),
            (random, 'split', 'halves', 'a baseline has no gradient'),
            (random, 'sampling', 'softmax', 'a baseline runs no mixture'),
            (random, 'worst_update', 'weights',
             'a baseline has no architecture weights to update'),
            (self.objective == 'adversarial', 'worst_update', 'weights',
             "objective 'adversarial' has no worst case"),
            (self.objective == 'adversarial', 'solver', 'first_order',
             "objective 'adversarial' is not unrolled")):
            value = getattr(self, name)
            if unused and value != default:
                raise ConfigError.at(f'{KEY}.{name}', value,
                                     f'{why}; leave it out')
        if self.targets == 'both' and self.objective == 'first_term':
            raise ConfigError.at(
                f'{KEY}.objective', self.objective,
                'the first term, V(G, D_worst), says nothing about D; write '
                "targets='generator', or objective='gap'")

    @property
    def searched(self) -> list[str]:
        """The networks whose architecture is searched."""
        return ['generator'] + ['discriminator'] * (self.targets == 'both')

    def check(self, context: RunContext, hooks: Sequence[Any]) -> None:
        """Check the settings against the run.

        Args:
            context: The run.
            hooks: Our hooks in it.

        Raises:
            ConfigError: If there is nothing to search, or something in the
                run would change the networks besides.
        """
        for name, kind in (('generator', SearchableGenerator),
                           ('discriminator', SearchableDiscriminator)):
            network = context.networks.get(name)
            found = type(network.module).__name__ if network else None
            if network is None or (name in self.searched and not isinstance(
                    network.module, kind)):
                raise ConfigError.at(
                    f'model.{name}.type', found,
                    f"write type='mmgancomp.{kind.__name__}': its "
                    'architecture is to be searched' if name in self.searched
                    else 'a search needs a discriminator')
        if self.targets == 'generator' and isinstance(
                context.networks['discriminator'].module,
                SearchableDiscriminator):
            raise ConfigError.at(
                f'{KEY}.targets', self.targets,
                "the discriminator is a supernet; write targets='both', or "
                'give it a fixed one')
        cells = len(context.networks['generator'].module.cells)
        if self.grow is not None and len(self.grow) != cells - 1:
            raise ConfigError.at(
                f'{KEY}.grow', self.grow,
                f'the generator has {cells} cells, so {cells - 1} of them '
                'are added to the first; write an epoch for each')
        self.space = math.prod(
            context.networks[name].module.space.size
            for name in self.searched)
        self.architect_optimizer([torch.zeros(1)])
        for hook in hooks:
            raise ConfigError.at(
                f'default_hooks.{hook.key}', type(hook).__name__,
                'a search trains a supernet, whose layers are not those of '
                'what is found; put this into the config that trains '
                'mmgancomp.DerivedGenerator')
        config = context.config or {}
        wrapper = config.get('model_wrapper_cfg') or {}
        if ((self.strategy != 'gap' or self.grow) and get_world_size() > 1
                and not wrapper.get('find_unused_parameters')):
            raise ConfigError.at(
                'model_wrapper_cfg.find_unused_parameters', False,
                'not all of the supernet runs at once; write True for this on '
                'several processes')
        train = config.get('train_dataloader')
        if train is not None and _images(train) == _images(
                self.architecture_dataloader):
            raise ConfigError.at(
                f'{KEY}.architecture_dataloader.dataset',
                _images(train).get('indices'),
                'these are the images that the weights train on; hold some '
                'out, as in train_dataloader.dataset.indices=25000 and '
                'indices=-25000 here')

    def architect_optimizer(self, tensors: list[Tensor]) -> Any:
        """An optimizer of architecture weights.

        Raises:
            ConfigError: If there is no such optimizer.
        """
        return build_companion(tensors, self.optimizer,
                               f'{KEY}.optimizer').optimizer

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        left_out = ('architecture_dataloader', 'variant', 'val_interval')
        return {f.name: getattr(self, f.name) for f in fields(self)
                if f.name not in left_out}

    def describe(self) -> list[dict[str, Any]]:
        """A row for ``mmgancomp plan``."""
        return [{
            'mechanism': 'search',
            'phases': [list(p) for p in self.phases(self.epochs - 1)],
            **to_plain(self.settings()),
            'searched': self.searched,
            'space': self.space
        }]


def _images(loader: Mapping[str, Any]) -> dict[str, Any]:
    found = loader.get('dataset')
    return dict(found) if isinstance(found, Mapping) else {}

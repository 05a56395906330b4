"""alphaGAN's generators, as plain torch networks."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmgancomp.errors import ConfigError

from .cells import GeneratorCell
from .edges import found_by
from .genotype import Genotype, Space, by_name, content_key, kinds_agree
from .registry import NORMAL_OPERATIONS, UP_OPERATIONS, build, check_names

__all__ = ['DerivedGenerator', 'SearchableGenerator', 'generator_space']

NORMAL = ('conv_1x1', 'conv_3x3', 'conv_5x5', 'sep_conv_3x3', 'sep_conv_5x5',
          'sep_conv_7x7')
UP = ('deconv', 'nearest', 'bilinear')

KEY = 'model.generator'
_TRIES = 10_000


def _kinds(cells: int) -> list[dict[str, int]]:
    """Edges of each kind in each cell of a generator."""
    return [{'up': 2, 'normal': 3, 'skip': n} for n in range(cells)]


def generator_space(num_cells: int = 3,
                    normal: Sequence[str] = NORMAL,
                    up: Sequence[str] = UP,
                    skip: Sequence[str] | None = None) -> Space:
    """The space that a generator's architecture is chosen from.

    Args:
        num_cells: Cells, each of which doubles the resolution.
        normal: Candidates of the normal edges.
        up: Candidates of the edges that double the resolution.
        skip: Candidates of the edges between cells; those of ``up`` by
            default.

    Raises:
        ConfigError: For an unknown candidate.
    """
    if type(num_cells) is not int or num_cells < 1:
        raise ConfigError.at(f'{KEY}.num_cells', num_cells,
                             'write a number of cells, at least 1')
    candidates = {
        'up': check_names(UP_OPERATIONS, up, f'{KEY}.up'),
        'normal': check_names(NORMAL_OPERATIONS, normal, f'{KEY}.normal'),
        'skip': check_names(UP_OPERATIONS, up if skip is None else skip,
                            f'{KEY}.skip')
    }
    return Space(tuple(
        {kind: (candidates[kind], ) * count for kind, count in kinds.items()}
        for kinds in _kinds(num_cells)))


class _Generator(BaseModule):
    """Linear layer, cells, then norm, ReLU, convolution, tanh.

    Attributes:
        depth: Cells that run in training, for images that grow; None for
            all.
    """

    depth: int | None = None

    def __init__(self, plan: Sequence[Mapping[str, Any]], affine: bool,
                 noise_size: int, base_channels: int, bottom_width: int,
                 out_channels: int, num_classes: int | None,
                 init_cfg: Any) -> None:
        super().__init__(init_cfg)
        if num_classes:
            raise ConfigError.at(
                'model.num_classes', num_classes,
                'these generators take no labels; write num_classes=0')
        for name, value in (('base_channels', base_channels),
                            ('bottom_width', bottom_width),
                            ('noise_size', noise_size),
                            ('out_channels', out_channels)):
            if type(value) is not int or value < 1:
                raise ConfigError.at(f'{KEY}.{name}', value,
                                     'write a whole number, at least 1')
        self.noise_size, self.bottom_width = noise_size, bottom_width
        self.output_scale = bottom_width * 2**len(plan)
        self.noise2feat = nn.Linear(noise_size,
                                    base_channels * bottom_width**2)
        self.cells = nn.ModuleList(
            GeneratorCell(number, base_channels, cell, affine)
            for number, cell in enumerate(plan))
        self.to_rgb = nn.Sequential(
            nn.BatchNorm2d(base_channels), nn.ReLU(),
            nn.Conv2d(base_channels, out_channels, 3, padding=1), nn.Tanh())

    def forward(self,
                noise: Tensor | Callable[[tuple], Tensor] | None = None,
                num_batches: int = 0,
                label: Any = None,
                return_noise: bool = False) -> Tensor | dict[str, Tensor]:
        """Make images.

        Args:
            noise: (N, noise_size), or a function of that shape, or None for
                standard normal noise.
            num_batches: N, where noise is not given as a tensor.
            label: Ignored; conditional models pass None.
            return_noise: Return a dict, with ``fake_img`` and
                ``noise_batch``.

        Returns:
            Images in [-1, 1], (N, channels, size, size).
        """
        if not isinstance(noise, Tensor):
            shape = (num_batches, self.noise_size)
            noise = torch.randn(shape) if noise is None else noise(shape)
        noise = noise.to(self.noise2feat.weight.device)
        x = self.noise2feat(noise)
        x = x.reshape(x.shape[0], -1, self.bottom_width, self.bottom_width)
        exports: list[Tensor] = []
        cells = list(self.cells)
        for cell in cells[:self.depth] if self.training else cells:
            x = cell(x, exports)
        image = self.to_rgb(x)
        if return_noise:
            return dict(fake_img=image, noise_batch=noise)
        return image


class SearchableGenerator(_Generator):
    """alphaGAN's supernet: every edge is a mixture of its candidates.

    Args:
        noise_size: Size of the noise vector.
        base_channels: Channels of all cells.
        bottom_width: Resolution that the first cell doubles: 4 for images of
            32 px and three cells, 6 for 48 px.
        out_channels: Channels of the image.
        num_cells: Cells.
        normal: Candidates of the normal edges; the paper's six by default.
        up: Candidates of the up-sampling edges; the paper's three by
            default.
        skip: Candidates of the edges between cells; those of ``up`` by
            default.
        num_classes: Must be 0 or None.
        init_cfg: As in MMEngine; torch's own initialisation by default.

    Raises:
        ConfigError: If an option is impossible.
    """

    def __init__(self, noise_size: int = 128, base_channels: int = 256,
                 bottom_width: int = 4, out_channels: int = 3,
                 num_cells: int = 3, normal: Sequence[str] = NORMAL,
                 up: Sequence[str] = UP, skip: Sequence[str] | None = None,
                 num_classes: int | None = None,
                 init_cfg: Any = None) -> None:
        space = generator_space(num_cells, normal, up, skip)
        super().__init__(space.cells, False, noise_size, base_channels,
                         bottom_width, out_channels, num_classes, init_cfg)
        self.space = space

    def genotype(self) -> Genotype:
        """The architecture of the largest weight on each edge."""
        return found_by(self, self.space)


class DerivedGenerator(_Generator):
    """An architecture that was found, as an ordinary network.

    Args:
        genotype: ``'alphagan_s'``, ``'alphagan_l'``, a file that a search
            has written, the list of cells itself, or
            ``dict(random=SEED, like=…, within=0.1)``: a random architecture,
            of the default space, whose parameters differ from those of
            ``like`` by at most that share.
        noise_size, base_channels, bottom_width, out_channels, num_classes,
            init_cfg: As in :class:`SearchableGenerator`.

    Raises:
        ConfigError: If there is no such architecture.
    """

    def __init__(self, genotype: Any, noise_size: int = 128,
                 base_channels: int = 256, bottom_width: int = 4,
                 out_channels: int = 3, num_classes: int | None = None,
                 init_cfg: Any = None) -> None:
        sizes = (noise_size, base_channels, bottom_width, out_channels,
                 num_classes)
        if isinstance(genotype, Mapping):
            found = _random(genotype, sizes)
        else:
            found = by_name(genotype, f'{KEY}.genotype')
        _check(found, content_key(f'{KEY}.genotype', genotype))
        super().__init__(found.cells, True, *sizes, init_cfg)
        self.genotype = found


def _check(genotype: Genotype, key: str) -> None:
    kinds_agree(genotype, _kinds(len(genotype.cells)), key)
    for cell in genotype.cells:
        for kind, names in cell.items():
            for name in names:
                check_names(NORMAL_OPERATIONS if kind == 'normal' else
                            UP_OPERATIONS, [name], key)


@cache
def _operation(kind: str, name: str, channels: int) -> int:
    """Parameters of one operation."""
    with torch.device('meta'):
        built = (build(NORMAL_OPERATIONS, name, channels, channels, True)
                 if kind == 'normal' else
                 build(UP_OPERATIONS, name, channels, 2))
    return sum(p.numel() for p in built.parameters())


def _operations(genotype: Genotype, channels: int) -> int:
    return sum(_operation(kind, name, channels) for cell in genotype.cells
               for kind, names in cell.items() for name in names)


def _random(spec: Mapping[str, Any], sizes: tuple) -> Genotype:
    """A random architecture, of about the size of another one."""
    key = f'{KEY}.genotype'
    for option, value in spec.items():
        if option not in ('random', 'like', 'within'):
            raise ConfigError.at(
                f'{key}.{option}', value,
                "write dict(random=SEED, like='alphagan_s', within=0.1)")
    seed, within = spec.get('random'), spec.get('within', 0.1)
    if type(seed) is not int or seed < 0:
        raise ConfigError.at(f'{key}.random', seed,
                             'write a seed, a whole number from 0 on')
    if not isinstance(within, (int, float)) or not 0 < within < 1:
        raise ConfigError.at(f'{key}.within', within,
                             'write a share between 0 and 1')
    if 'like' not in spec:
        raise ConfigError.at(
            f'{key}.like', None, 'name the architecture whose size it is to '
            "have: 'alphagan_s', or a file that a search has written")
    like = by_name(spec['like'], f'{key}.like')
    _check(like, content_key(f'{key}.like', spec['like']))
    with torch.device('meta'):
        built = _Generator(like.cells, True, *sizes, None)
    target = sum(p.numel() for p in built.parameters())
    channels = sizes[1]
    space, source = generator_space(len(like.cells)), random.Random(seed)
    for _ in range(_TRIES):
        drawn = space.draw(source)
        more = _operations(drawn, channels) - _operations(like, channels)
        if drawn != like and abs(more) <= within * target:
            return drawn
    raise ConfigError.at(
        f'{key}.within', within, f'{_TRIES} architectures were drawn and none '
        f'has {target:,} parameters within that share; write a larger one')

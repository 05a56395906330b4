"""alphaGAN's discriminators: for a search of both networks, and of its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from mmgancomp.errors import ConfigError

from .cells import DiscriminatorCell, FirstDiscriminatorCell
from .edges import found_by
from .genotype import (
    Genotype,
    Space,
    by_name,
    content_key,
    kinds_agree,
    refuse_others,
)
from .registry import NORMAL_OPERATIONS, check_names, check_sizes
from .wiring import OUTSIDE, Wiring

__all__ = ['DerivedDiscriminator', 'SearchableDiscriminator']

LIFT = ('conv_1x1_first', 'conv_3x3_first', 'conv_5x5_first')
JUDGING = ('none', 'conv_1x1_sn', 'conv_3x3_sn', 'conv_5x5_sn', 'identity')

KEY = 'model.discriminator'
KINDS = ({'lift': 1, 'normal': 1}, *({'normal': 2} for _ in range(3)))
"""Edges of each kind in each cell."""


class _Discriminator(BaseModule):
    """Four cells; the first two halve the resolution.

    The features are summed over the image, then judged by a linear layer
    under spectral norm.
    """

    def __init__(self, plan: Sequence[Mapping[str, Any]], raw: bool,
                 input_scale: int, base_channels: int, input_channels: int,
                 num_classes: int | None, init_cfg: Any) -> None:
        super().__init__(init_cfg)
        check_sizes(KEY, num_classes, input_scale=input_scale,
                    base_channels=base_channels,
                    input_channels=input_channels)
        self.input_scale = input_scale
        first, *rest = plan
        self.cells = nn.ModuleList([
            FirstDiscriminatorCell(input_channels, base_channels, first,
                                   raw),
            *(DiscriminatorCell(base_channels, cell, halve=number == 0)
              for number, cell in enumerate(rest))
        ])
        self.decision = spectral_norm(
            nn.Linear(base_channels, 1, bias=False))

    def forward(self, x: Tensor, label: Any = None) -> Tensor:
        """Judge images.

        Args:
            x: Images in [-1, 1], (N, channels, size, size).
            label: Ignored; conditional models pass None.

        Returns:
            Logits, (N, 1).
        """
        for cell in self.cells:
            x = cell(x)
        return self.decision(x.relu().sum((2, 3)))

    def wire(self, wiring: Wiring) -> None:
        """As :meth:`forward`, of nodes in place of features."""
        node = OUTSIDE
        for number, cell in enumerate(self.cells):
            node = cell.wire(wiring, f'cells.{number}', node)
        wiring.layer('decision', node)


class SearchableDiscriminator(_Discriminator):
    """alphaGAN's discriminator for a search of both networks.

    Args:
        input_scale: Image edge in pixels.
        base_channels: Channels of all cells.
        input_channels: Channels of the image.
        lift: Candidates of the first edge, from image to features.
        normal: Candidates of the other seven.
        first_cell: ``'raw'``: the edges of the first cell weigh by their
            architecture weights as they are, as the published code does;
            ``'softmax'``: as all others.
        num_classes: Must be 0 or None.
        init_cfg: As in MMEngine.

    Raises:
        ConfigError: If an option is impossible.
    """

    def __init__(self, input_scale: int = 32, base_channels: int = 128,
                 input_channels: int = 3, lift: Sequence[str] = LIFT,
                 normal: Sequence[str] = JUDGING, first_cell: str = 'raw',
                 num_classes: int | None = None,
                 init_cfg: Any = None) -> None:
        if first_cell not in ('raw', 'softmax'):
            raise ConfigError.at(f'{KEY}.first_cell', first_cell,
                                 "write 'raw' or 'softmax'")
        candidates = {
            'lift': check_names(NORMAL_OPERATIONS, lift, f'{KEY}.lift'),
            'normal': check_names(NORMAL_OPERATIONS, normal, f'{KEY}.normal')
        }
        _check_lift(candidates['lift'], f'{KEY}.lift')
        space = Space(tuple(
            {kind: (candidates[kind], ) * count
             for kind, count in kinds.items()} for kinds in KINDS))
        super().__init__(space.cells, first_cell == 'raw', input_scale,
                         base_channels, input_channels, num_classes, init_cfg)
        self.space = space

    def genotype(self) -> Genotype:
        """The architecture of the largest weight on each edge."""
        return found_by(self, self.space)


class DerivedDiscriminator(_Discriminator):
    """The discriminator that a search of both networks has found.

    Every edge has its one operation, with weight 1; the softmax or the raw
    weights of the search are gone.

    Args:
        genotype: A file that a search has written, or the list of cells
            itself: ``dict(lift=['conv_3x3_first'], normal=['conv_3x3_sn'])``
            and three of ``dict(normal=['conv_3x3_sn', 'identity'])``, say.
        input_scale, base_channels, input_channels, num_classes, init_cfg: As
            in :class:`SearchableDiscriminator`.

    Raises:
        ConfigError: If there is no such architecture.
    """

    def __init__(self, genotype: Any = None, input_scale: int = 32,
                 base_channels: int = 128, input_channels: int = 3,
                 num_classes: int | None = None,
                 init_cfg: Any = None) -> None:
        found = by_name(genotype, f'{KEY}.genotype', 'discriminator')
        key = content_key(f'{KEY}.genotype', genotype)
        kinds_agree(found, KINDS, key)
        for cell in found.cells:
            for names in cell.values():
                for name in names:
                    check_names(NORMAL_OPERATIONS, [name], key)
        _check_lift(found.cells[0]['lift'], key)
        super().__init__(found.cells, False, input_scale, base_channels,
                         input_channels, num_classes, init_cfg)
        self.genotype = found
        self.register_load_state_dict_pre_hook(refuse_others)


def _check_lift(names: Sequence[str], key: str) -> None:
    if {'identity', 'none'} & set(names):
        raise ConfigError.at(
            key, list(names),
            'the first edge changes the number of channels; leave '
            'identity and none out')

"""alphaGAN's discriminator for a search of both networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from mmgancomp.errors import ConfigError

from .cells import DiscriminatorCell, FirstDiscriminatorCell
from .edges import found_by
from .genotype import Genotype, Space
from .registry import NORMAL_OPERATIONS, check_names

__all__ = ['SearchableDiscriminator']

LIFT = ('conv_1x1_first', 'conv_3x3_first', 'conv_5x5_first')
JUDGING = ('none', 'conv_1x1_sn', 'conv_3x3_sn', 'conv_5x5_sn', 'identity')


class SearchableDiscriminator(BaseModule):
    """alphaGAN's discriminator for a search of both networks.

    Four cells; the first two halve the resolution. The features are summed
    over the image, then judged by a linear layer under spectral norm.

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

    def __init__(self, input_scale: int, base_channels: int = 128,
                 input_channels: int = 3, lift: Sequence[str] = LIFT,
                 normal: Sequence[str] = JUDGING, first_cell: str = 'raw',
                 num_classes: int | None = None,
                 init_cfg: Any = None) -> None:
        super().__init__(init_cfg)
        key = 'model.discriminator'
        if num_classes:
            raise ConfigError.at(
                'model.num_classes', num_classes,
                'this discriminator takes no labels; write num_classes=0')
        if first_cell not in ('raw', 'softmax'):
            raise ConfigError.at(f'{key}.first_cell', first_cell,
                                 "write 'raw' or 'softmax'")
        lifts = check_names(NORMAL_OPERATIONS, lift, f'{key}.lift')
        names = check_names(NORMAL_OPERATIONS, normal, f'{key}.normal')
        if {'identity', 'none'} & set(lifts):
            raise ConfigError.at(
                f'{key}.lift', list(lifts),
                'the first edge changes the number of channels; leave '
                'identity and none out')
        self.input_scale = input_scale
        self.space = Space((
            {'lift': (lifts, ), 'normal': (names, )},
            *({'normal': (names, names)} for _ in range(3))))
        first, *rest = self.space.cells
        self.cells = nn.ModuleList([
            FirstDiscriminatorCell(input_channels, base_channels, first,
                                   first_cell == 'raw'),
            *(DiscriminatorCell(base_channels, plan, halve=number == 0)
              for number, plan in enumerate(rest))
        ])
        self.decision = spectral_norm(
            nn.Linear(base_channels, 1, bias=False))

    def genotype(self) -> Genotype:
        """The architecture of the largest weight on each edge."""
        return found_by(self, self.space)

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

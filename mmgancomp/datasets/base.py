"""What the datasets of shipped images have in common."""

from __future__ import annotations

import numpy as np
from mmengine.dataset import BaseDataset

from mmgancomp.errors import ConfigError
from mmgancomp.images import check_choice


class ShippedImages(BaseDataset):
    """A dataset over grey images that are already in memory.

    Args:
        channels: 1, or 3 equal ones for networks that want colour.
        pipeline: Transforms of one sample.
        **kwargs: Of :class:`mmengine.dataset.BaseDataset`.
    """

    def __init__(self, channels: int, pipeline: list | tuple,
                 **kwargs) -> None:
        check_choice('channels', channels, (1, 3))
        self.channels = channels
        # Pickling every sample would only cost time: nothing here is large
        # enough that worker processes should share it.
        kwargs.setdefault('serialize_data', False)
        super().__init__(pipeline=pipeline, **kwargs)

    def picture(self, grey: np.ndarray) -> np.ndarray:
        """A grey image (H, W) as MMagic's loaders give it.

        Returns:
            uint8 image of shape (H, W, channels), values 0-255.
        """
        picture = grey.round().clip(0, 255).astype(np.uint8)[:, :, None]
        return picture.repeat(self.channels, axis=2)


class PhotoCrops(ShippedImages):
    """Square crops of photographs: random for training, else a fixed grid.

    A training crop is drawn with numpy's global random state when it is
    asked for, as MMagic's own ``Crop`` does it, so that a run which restores
    that state resumes exactly. A subclass fills ``self.areas``, a dict from
    the key of a sample to the grey area that its crops are cut from, before
    it calls this constructor.

    Args:
        split: ``'train'`` or ``'test'``.
        size: Side of a crop in pixels.
        length: Number of training crops that count as one epoch.
        channels: 1 or 3.
        pipeline: Transforms of one sample.
        **kwargs: Of :class:`mmengine.dataset.BaseDataset`.
    """

    #: Held-out crops lie on a grid of this many rows and columns.
    GRID = (16, 4)
    #: The held-out area is 64 pixels wide.
    SIZES = range(8, 65)

    areas: dict[str, np.ndarray]

    def __init__(self, split: str, size: int, length: int, channels: int,
                 pipeline: list | tuple, **kwargs) -> None:
        if type(size) is not int or size not in self.SIZES:
            raise ConfigError.at(
                'size', size, 'a whole number of pixels from '
                f'{self.SIZES[0]} to {self.SIZES[-1]}, the width of the '
                'held-out area')
        if type(length) is not int or length < 1:
            raise ConfigError.at('length', length, 'a positive whole number')
        self.split, self.size, self.length = split, size, length
        super().__init__(channels=channels, pipeline=pipeline, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Top left corners of the crops; training ones are drawn later."""
        if self.split == 'train':
            return [{} for _ in range(self.length)]
        height, width = next(iter(self.areas.values())).shape
        rows, columns = (
            np.unique(np.linspace(0, side - self.size, count).astype(int))
            for side, count in zip((height, width), self.GRID))
        return [
            dict(corner=(int(row), int(column))) for row in rows
            for column in columns
        ]

    def random_corner(self, area: np.ndarray) -> tuple[int, int]:
        """A corner of a crop inside an area, from numpy's global RNG."""
        return tuple(
            np.random.randint(side - self.size + 1) for side in area.shape)

    def crop(self, area: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
        """The crop (size, size, channels) with this top left corner."""
        row, column = corner
        return self.picture(area[row:row + self.size,
                                 column:column + self.size])

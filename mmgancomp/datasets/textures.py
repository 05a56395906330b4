"""Unpaired and paired crops of photographs, for translation models."""

from __future__ import annotations

from mmgancomp.errors import ConfigError
from mmgancomp.images import photo_area, soft_edges
from mmgancomp.registry import DATASETS

from .base import PhotoCrops


@DATASETS.register_module()
class TexturesDataset(PhotoCrops):
    """Unpaired crops of a brick wall and of gravel, for CycleGAN.

    A sample has ``img_<domain_a>`` from the one photograph and
    ``img_<domain_b>`` from the other, cropped independently. Training crops
    come from the left three quarters of the photographs, the 64 crops of the
    test split from the rest.

    Args:
        split: ``'train'`` or ``'test'``. Defaults to ``'train'``.
        size: Side of a crop in pixels, 8-64. Defaults to 32.
        channels: 1, or 3 equal ones. Defaults to 1.
        photo_a: ``'brick'`` or ``'gravel'``. Defaults to ``'brick'``.
        photo_b: As ``photo_a``. Defaults to ``'gravel'``.
        domain_a: What the model calls the first domain: ``'photo'`` in the
            stock configs. Defaults to ``photo_a``.
        domain_b: What it calls the second: ``'mask'`` in the stock configs.
            Defaults to ``photo_b``.
        length: Training crops per epoch. Defaults to 1024.
        pipeline: Transforms; ``PackInputs`` needs the keys ``img_<domain>``
            both as ``keys`` and as ``data_keys``.
        **kwargs: Of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: For wrong values, or twice the same domain or photograph.
    """

    METAINFO = dict(dataset='mmgancomp textures')

    def __init__(self,
                 split: str = 'train',
                 size: int = 32,
                 channels: int = 1,
                 photo_a: str = 'brick',
                 photo_b: str = 'gravel',
                 domain_a: str | None = None,
                 domain_b: str | None = None,
                 length: int = 1024,
                 pipeline: list | tuple = (),
                 **kwargs) -> None:
        self.domain_a = domain_a or photo_a
        self.domain_b = domain_b or photo_b
        if photo_a == photo_b:
            raise ConfigError.at('photo_b', photo_b,
                                 'another photograph than photo_a')
        if self.domain_a == self.domain_b:
            raise ConfigError.at('domain_b', self.domain_b,
                                 'another name than that of domain_a')
        self.areas = {
            f'img_{self.domain_a}': photo_area(photo_a, split),
            f'img_{self.domain_b}': photo_area(photo_b, split)
        }
        super().__init__(split, size, length, channels, pipeline, **kwargs)

    def get_data_info(self, idx: int) -> dict:
        """One crop of each domain, as (size, size, channels) in 0-255."""
        info = super().get_data_info(idx)
        fixed = info.pop('corner', None)
        for key, area in self.areas.items():
            info[key] = self.crop(area, fixed or self.random_corner(area))
        return info


@DATASETS.register_module()
class EdgesDataset(PhotoCrops):
    """Pairs of soft edges and grey gravel, for Pix2Pix.

    A sample has ``img_<source_domain>``, the edges, and
    ``img_<target_domain>``, the photograph they were found in. Areas and
    crops are those of :class:`TexturesDataset`; training pairs are flipped
    by a ``Flip`` over both keys in the pipeline.

    Args:
        split: ``'train'`` or ``'test'``. Defaults to ``'train'``.
        size: Side of a crop in pixels, 8-64. Defaults to 32.
        channels: 1, or 3 equal ones. Defaults to 1.
        photo: ``'gravel'`` or ``'brick'``. Defaults to ``'gravel'``.
        source_domain: What the model calls its input: ``'mask'`` in the
            stock config. Defaults to ``'edges'``.
        target_domain: What it calls its output: ``'photo'`` in the stock
            config. Defaults to ``photo``.
        length: Training crops per epoch. Defaults to 1024.
        pipeline: Transforms; ``PackInputs`` needs the keys ``img_<domain>``
            both as ``keys`` and as ``data_keys``.
        **kwargs: Of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: For wrong values, or twice the same domain.
    """

    METAINFO = dict(dataset='mmgancomp edges')

    def __init__(self,
                 split: str = 'train',
                 size: int = 32,
                 channels: int = 1,
                 photo: str = 'gravel',
                 source_domain: str = 'edges',
                 target_domain: str | None = None,
                 length: int = 1024,
                 pipeline: list | tuple = (),
                 **kwargs) -> None:
        self.source_domain = source_domain
        self.target_domain = target_domain or photo
        if self.source_domain == self.target_domain:
            raise ConfigError.at('target_domain', self.target_domain,
                                 'another name than that of source_domain')
        self.areas = {
            f'img_{self.source_domain}': soft_edges(photo, split),
            f'img_{self.target_domain}': photo_area(photo, split)
        }
        super().__init__(split, size, length, channels, pipeline, **kwargs)

    def get_data_info(self, idx: int) -> dict:
        """The two crops of one place, as (size, size, channels) in 0-255."""
        info = super().get_data_info(idx)
        corner = info.pop('corner', None)
        for key, area in self.areas.items():
            corner = corner or self.random_corner(area)
            info[key] = self.crop(area, corner)
        return info

"""Handwritten digits as a labelled MMagic dataset."""

from __future__ import annotations

from mmgancomp.images import digits
from mmgancomp.registry import DATASETS

from .base import ShippedImages


@DATASETS.register_module()
class DigitsDataset(ShippedImages):
    """The 1,797 handwritten digits of scikit-learn, split 1200 to 597.

    Every sample has ``gt`` (an image as MMagic's loaders give it) and
    ``gt_label`` (0-9), so ``PackInputs`` is all the pipeline that a
    conditional or an unconditional GAN needs.

    Args:
        split: ``'train'`` (1,200 images) or ``'test'`` (597). The split is
            fixed and stratified. Defaults to ``'train'``.
        size: Side in pixels, 16 or 32; the 8x8 scans are enlarged
            bilinearly. Defaults to 16.
        channels: 1, or 3 equal ones. Defaults to 1.
        pipeline: Transforms; usually ``[dict(type='PackInputs')]``.
        **kwargs: Of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: For a wrong split, size or number of channels.
    """

    METAINFO = dict(
        dataset='mmgancomp digits', classes=tuple('0123456789'))

    def __init__(self,
                 split: str = 'train',
                 size: int = 16,
                 channels: int = 1,
                 pipeline: list | tuple = (),
                 **kwargs) -> None:
        self.split, self.size = split, size
        super().__init__(channels=channels, pipeline=pipeline, **kwargs)

    def load_data_list(self) -> list[dict]:
        """All samples of the split, in the order of the scans."""
        images, labels = digits(self.split, self.size)
        return [
            dict(gt=self.picture(image), gt_label=int(label))
            for image, label in zip(images, labels)
        ]

    def get_cat_ids(self, idx: int) -> list[int]:
        """The label of one sample, as a list: MMEngine's interface."""
        return [self.get_data_info(idx)['gt_label']]

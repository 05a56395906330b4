"""MMagic's PSNR and SSIM for models that translate paired images."""

from __future__ import annotations

from collections.abc import Sequence

from mmagic.evaluation import PSNR, SSIM

from mmgancomp.errors import ConfigError, closest
from mmgancomp.registry import METRICS


class Translated:
    """Finds image and truth where translation models leave them.

    MMagic's own paired metrics look for ``output.pred_img``, which only its
    restoration models give; Pix2Pix gives ``fake_<domain>``.

    Args:
        domain: Domain that is translated to, as the model calls it.
        **kwargs: Of the metric.
    """

    def __init__(self, domain: str = 'photo', **kwargs) -> None:
        super().__init__(
            gt_key=f'img_{domain}', pred_key=f'fake_{domain}', **kwargs)

    def process(self, data_batch: Sequence[dict],
                data_samples: Sequence[dict]) -> None:
        """Compare every translated image of a batch with the real one."""
        for sample in data_samples:
            if self.pred_key not in sample or self.gt_key not in sample:
                raise ConfigError.at(
                    'domain', self.gt_key.removeprefix('img_'),
                    f'the model gives no {self.pred_key} or the data no '
                    f'{self.gt_key}; {closest(self.pred_key, sample)}')
            super().process(data_batch, [sample | dict(output=sample)])


@METRICS.register_module()
class TranslatedPSNR(Translated, PSNR):
    """Peak signal-to-noise ratio of translated images, in dB.

    Args:
        domain: Domain that is translated to. Defaults to ``'photo'``.
        **kwargs: Of :class:`mmagic.evaluation.PSNR`.
    """


@METRICS.register_module()
class TranslatedSSIM(Translated, SSIM):
    """Structural similarity of translated images, at most 1.

    Args:
        domain: Domain that is translated to. Defaults to ``'photo'``.
        **kwargs: Of :class:`mmagic.evaluation.SSIM`.
    """

"""digits-FID as a metric of MMagic's evaluation loops.

This module is where MMEngine looks for metrics of ours, so it brings in the
others too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmagic.evaluation import FrechetInceptionDistance
from mmagic.structures import DataSample
from mmengine.dist import get_dist_info
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmgancomp.errors import ConfigError
from mmgancomp.images import DIGIT_SIZES, check_choice
from mmgancomp.registry import METRICS

from . import paired, textures  # noqa: F401
from .digits_fid import NUM_CLASSES, as_grey, digits_reference
from .features import extract

FEATURES = ('digits', 'inception')


class FixedLatents:
    """Batches that ask a model for the same images each time.

    While it is iterated, torch's global random state is a private one: a
    generator that draws noise inside its layers repeats it, and training
    goes on as if nothing had been evaluated.

    Args:
        noise: All latents of this process, shape (N, C).
        labels: What each image shall show, shape (N, ), or None.
        sample_model: ``'ema'`` or ``'orig'``.
        batch: Images per batch.
        seed: Seed of the private random state.
    """

    def __init__(self, noise: Tensor, labels: Tensor | None,
                 sample_model: str, batch: int, seed: int) -> None:
        self.noise, self.labels = noise, labels
        self.sample_model, self.batch, self.seed = sample_model, batch, seed

    def __len__(self) -> int:
        return -(-len(self.noise) // self.batch)

    def __iter__(self) -> Iterator[dict]:
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            for start in range(0, len(self.noise), self.batch):
                part = slice(start, start + self.batch)
                batch = dict(
                    inputs=dict(
                        noise=self.noise[part],
                        sample_model=self.sample_model))
                if self.labels is not None:
                    batch['data_samples'] = [
                        _wanted(label) for label in self.labels[part]
                    ]
                yield batch


def _wanted(label: Tensor) -> DataSample:
    sample = DataSample()
    # A stand-in: the preprocessor complains about each sample without one.
    sample.gt_img = torch.zeros(1, 1, 1)
    sample.set_gt_label(label)
    return sample


@METRICS.register_module()
class DigitsFID(FrechetInceptionDistance):
    """FID whose features can be those of a small classifier of digits.

    With ``feature='digits'`` nothing is downloaded: the network is trained
    in seconds on the training split of :class:`mmgancomp.datasets
    .DigitsDataset` and kept in a cache. The generator draws from fixed
    latents and, if it is conditional, shows each digit equally often, so
    one model has one value. See
    :func:`mmgancomp.evaluation.digits_fid.digits_fid` for how to read it.

    In the log: ``fid``, ``floor`` (held-out real images) and, for a
    conditional model, ``agreement``.

    Args:
        fake_nums: Number of generated images; a multiple of ten for
            conditional models. Defaults to 2000.
        feature: ``'digits'``, or ``'inception'`` for MMagic's own FID with
            all its settings. Defaults to ``'digits'``.
        size: Side of the images in pixels, 16 or 32. Defaults to 16.
        seed: Seed of the latents. Defaults to 0.
        feature_seed: Seed of the feature network. Defaults to 0.
        feature_path: File of the feature network instead of the cache.
        sample_model: ``'ema'`` or ``'orig'``. Defaults to ``'ema'``.
        **kwargs: Of :class:`mmagic.evaluation.FrechetInceptionDistance`.

    Raises:
        ConfigError: For a wrong option, or a model of another size, number
            of channels or classes.
    """

    default_prefix = 'digits-fid'
    #: Generated at once. Fixed, because sums depend on the batch.
    BATCH = 200

    def __init__(self,
                 fake_nums: int = 2000,
                 feature: str = 'digits',
                 size: int = 16,
                 seed: int = 0,
                 feature_seed: int = 0,
                 feature_path: str | None = None,
                 sample_model: str = 'ema',
                 **kwargs) -> None:
        check_choice('feature', feature, FEATURES)
        check_choice('size', size, DIGIT_SIZES)
        check_choice('sample_model', sample_model, ('ema', 'orig'))
        self.feature, self.size, self.seed = feature, size, seed
        self.feature_seed, self.feature_path = feature_seed, feature_path
        super().__init__(fake_nums, sample_model=sample_model, **kwargs)
        if feature == 'digits':
            # Metrics that agree in this mode share their images.
            self.SAMPLER_MODE = f'digits-{fake_nums}-{seed}'

    def _load_inception(self, inception_style: str,
                        inception_path: str | None) -> tuple:
        if self.feature == 'inception':
            return super()._load_inception(inception_style, inception_path)
        self.reference = digits_reference(self.size, self.feature_seed,
                                          self.feature_path)
        return self.reference.network, 'digits'

    def prepare(self, module: nn.Module, dataloader: DataLoader) -> None:
        """Real features; for digits they come with the feature network."""
        if self.feature == 'inception':
            super().prepare(module, dataloader)

    def get_metric_sampler(self, model: nn.Module, dataloader: DataLoader,
                           metrics: list) -> object:
        """Batches of fixed latents, and of balanced labels if it takes any.

        Under several processes each makes its share of the images.
        """
        if self.feature == 'inception':
            return super().get_metric_sampler(model, dataloader, metrics)
        model = model.module if is_model_wrapper(model) else model
        labels = self._labels(getattr(model, 'num_classes', None))
        noise = torch.randn((self.fake_nums, model.noise_size),
                            generator=torch.Generator().manual_seed(
                                self.seed))
        # Every process makes equally many, gathered in the order of ranks:
        # the last ones may be repeats, which are then cut off.
        rank, _ = get_dist_info()
        share = self.fake_nums_per_device
        mine = torch.arange(rank * share, (rank + 1) * share) % self.fake_nums
        return FixedLatents(noise[mine],
                            None if labels is None else labels[mine],
                            self.sample_model, self.BATCH, self.seed)

    def _labels(self, num_classes: int | None) -> Tensor | None:
        if not num_classes:
            return None
        if num_classes != NUM_CLASSES:
            raise ConfigError.at('model.num_classes', num_classes,
                                 'digits-FID needs a model of 10 classes')
        if self.fake_nums % NUM_CLASSES:
            raise ConfigError.at(
                'fake_nums', self.fake_nums,
                'a multiple of 10, so that each digit appears equally often')
        return torch.arange(self.fake_nums) % NUM_CLASSES

    def process(self, data_batch: dict, data_samples: Sequence) -> None:
        """Keep features of generated images, and whether labels agree."""
        if self.feature == 'inception':
            super().process(data_batch, data_samples)
            return
        images = torch.stack([self._image(sample) for sample in data_samples])
        grey = as_grey(images.float().cpu() / 127.5 - 1, self.size,
                       'generated images')
        features, guesses = extract(self.reference.network, grey)
        # NaN says that no label was asked for.
        agrees = np.full((len(features), 1), np.nan)
        if 'data_samples' in data_batch:
            wanted = torch.cat([
                sample.gt_label.label.flatten()
                for sample in data_batch['data_samples']
            ])
            agrees[:, 0] = guesses == wanted.cpu().numpy()
        rows = torch.from_numpy(np.hstack([features, agrees]))
        self.fake_results += list(rows.split(1))

    def _image(self, sample: DataSample) -> Tensor:
        """The generated image of one sample, values 0-255."""
        if self.sample_model in sample:
            sample = sample[self.sample_model]
        return sample[self.fake_key or 'fake_img']

    def compute_metrics(self, fake_results: list) -> dict:
        """The scores from what :meth:`process` kept."""
        if self.feature == 'inception':
            return super().compute_metrics(fake_results)
        rows = torch.cat(list(fake_results)).cpu().numpy()
        features, agrees = rows[:, :-1], rows[:, -1]
        scores = dict(
            fid=self.reference.score(features), floor=self.reference.floor)
        if not np.isnan(agrees).any():
            scores['agreement'] = float(agrees.mean())
        return scores

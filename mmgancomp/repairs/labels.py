"""Labels in conditional GANs."""

from __future__ import annotations

from types import ModuleType

import wrapt

__all__ = ['flat_real_labels', 'samples_without_labels']


def flat_real_labels(module: ModuleType) -> None:
    """Give discriminators labels of shape (N,).

    A label packed into a data sample is a tensor of one element, so a batch
    of them is (N, 1). Projection discriminators look labels up and multiply
    (N, 1, C) with features (N, C), which broadcasts to (N, N, C).
    """

    def repaired(wrapped, instance, args, kwargs):
        labels = wrapped(*args, **kwargs)
        if labels is not None and labels.ndim == 2 and labels.shape[1] == 1:
            return labels[:, 0]
        return labels

    wrapt.wrap_function_wrapper(
        module, 'BaseConditionalGAN.data_sample_to_label', repaired)


def samples_without_labels(module: ModuleType) -> None:
    """Let a conditional GAN without classes generate images.

    With ``num_classes=0`` it trains, but what it generates is packed with
    the label None, which a data sample refuses.
    """

    def repaired(wrapped, instance, args, kwargs):
        value = args[0] if args else kwargs.get('value')
        return instance if value is None else wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(module, 'DataSample.set_gt_label', repaired)

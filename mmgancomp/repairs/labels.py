"""Labels of real images in conditional GANs."""

from __future__ import annotations

from types import ModuleType

import wrapt

__all__ = ['flat_real_labels']


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

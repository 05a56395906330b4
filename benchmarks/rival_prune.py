"""A masked training step against ``torch.nn.utils.prune``.

The same stock SNGAN-projection generator, masks, data and Adam in three
forms: dense, with our masks, and re-parametrised by torch's own utility.
After all steps the pruned two must hold the same weights, bit for bit.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.nn.utils import prune

import mmgancomp.registry  # noqa: F401
from mmgancomp.registry import MODELS
from mmgancomp.sparsity import MaskedNetwork

from .timing import alternate, spread

__all__ = ['measure']

DENSITY = 0.1


def _generator(width: int) -> nn.Module:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        return MODELS.build(
            dict(
                type='SNGANGenerator',
                output_scale=32,
                base_channels=width,
                num_classes=10,
                init_cfg=dict(type='studio')))


class _Form:
    """One way of training; ``step`` makes one update."""

    def __init__(self, width: int, how: str) -> None:
        self.network = _generator(width)
        self.masked = MaskedNetwork(self.network)
        if how != 'dense':
            self.masked.prune(DENSITY)
        if how == 'torch':
            for name, mask in self.masked.masks.items():
                module = self.network.get_submodule(name.rpartition('.')[0])
                prune.custom_from_mask(module, 'weight', mask)
        self.how = how
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=2e-4, betas=(.5, .999))
        self.random = torch.Generator().manual_seed(1)

    def step(self) -> None:
        noise = torch.randn(2, 128, generator=self.random)
        label = torch.randint(10, (2, ), generator=self.random)
        self.optimizer.zero_grad()
        self.network(noise, label=label).square().mean().backward()
        if self.how == 'ours':
            self.masked.mask_gradients_()
        self.optimizer.step()
        if self.how == 'ours':
            self.masked.apply_()

    def weights(self) -> dict[str, Tensor]:
        found = {}
        for name, mask in self.masked.masks.items():
            owner = self.network.get_submodule(name.rpartition('.')[0])
            if self.how == 'torch':
                found[name] = owner.weight_orig.detach() * mask
            else:
                found[name] = owner.weight.detach()
        return found


def measure(width: int = 256, repeats: int = 5) -> dict[str, Any]:
    """Time a generator step in the three forms, in turn."""
    forms = {how: _Form(width, how) for how in ('dense', 'ours', 'torch')}
    seconds = alternate({how: f.step for how, f in forms.items()}, repeats)
    ours, theirs = forms['ours'].weights(), forms['torch'].weights()
    for name, value in ours.items():
        if not torch.equal(value, theirs[name]):
            raise AssertionError(f'{name} differs from torch.nn.utils.prune')
    least = {how: min(times) for how, times in seconds.items()}
    return {
        'width': width,
        'batch': 2,
        'dense_ms': spread(seconds['dense']),
        'ours_ms': spread(seconds['ours']),
        'torch_prune_ms': spread(seconds['torch']),
        'ours_over_dense': round(least['ours'] / least['dense'], 4),
        'torch_prune_over_dense': round(least['torch'] / least['dense'], 4),
        'state_dict_keys': {
            how: len(form.network.state_dict())
            for how, form in forms.items()
        },
        'equal_weights': True
    }

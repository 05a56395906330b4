"""What masks cost per training step: time in our callbacks ÷ the step.

Stock models train on random images, with masks at 90 % sparsity on every
generator and discriminator. The clock runs inside the optimizer callbacks,
in the same process and the same steps as the total.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope

import mmgancomp.registry  # noqa: F401
from mmgancomp.runtime.building import build_model
from mmgancomp.runtime.planning import context_of
from mmgancomp.runtime.update import OptimizerUpdates
from mmgancomp.sparsity.hook import SparsityHook

__all__ = ['STOCK', 'measure']

STOCK = {
    'StyleGAN2 256':
    ('styleganv2/stylegan2_c2_8xb4-800kiters_lsun-church-256x256.py', 256),
    'BigGAN 32': ('biggan/biggan_2xb25-500kiters_cifar10-32x32.py', 32),
    'SAGAN 32': ('sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_'
                 'cifar10-32x32.py', 32),
    'SNGAN-projection 32':
    ('sngan_proj/sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_'
     'cifar10-32x32.py', 32),
    'DCGAN 64': ('dcgan/dcgan_1xb128-300kiters_celeba-cropped-64.py', 64),
    'CycleGAN 256':
    ('cyclegan/cyclegan_lsgan-resnet-in_1xb1-80kiters_facades.py', 256),
    'Pix2Pix 256':
    ('pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py', 256),
}
"""Name → (stock config below ``mmagic::``, image edge)."""

TINY = dict(
    generator=dict(base_channels=16), discriminator=dict(base_channels=16))
"""Narrow SNGAN-projection: the step is short, so overhead shows."""


def batch(edge: int, translation: bool, size: int = 2) -> dict[str, Any]:
    """Random images as MMagic's loaders give them."""
    from mmagic.datasets.transforms import PackInputs
    from mmengine.dataset import pseudo_collate
    rng = np.random.default_rng(0)

    def image() -> np.ndarray:
        return rng.integers(0, 255, (edge, edge, 3), dtype=np.uint8)

    if translation:
        keys = ['img_photo', 'img_mask']
        pack = PackInputs(keys=keys, data_keys=keys)
        return pseudo_collate(
            [pack({key: image() for key in keys}) for _ in range(size)])
    pack = PackInputs()
    return pseudo_collate(
        [pack(dict(gt=image(), gt_label=i % 10)) for i in range(size)])


class _Timed:
    """Adds up the time inside callbacks, of every optimizer."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


def _attach(context: Any, timed: _Timed) -> None:
    hook = SparsityHook(
        networks=dict(
            generator=dict(density=.1), discriminator=dict(density=.1)))
    hook.prepare(context)
    updates = {}
    for key in {n.optimizer for n in context.networks.values()}:
        before, after = OptimizerUpdates._before_step, (
            OptimizerUpdates._after_step)
        OptimizerUpdates._before_step = timed.wrap(before)
        OptimizerUpdates._after_step = timed.wrap(after)
        try:
            updates[key] = OptimizerUpdates(context.wrappers[key])
        finally:
            OptimizerUpdates._before_step = before
            OptimizerUpdates._after_step = after
    state = SimpleNamespace(resumed=False, updates=updates.__getitem__)
    hook.attach(state)
    hook.begin(state)


def measure(name: str, steps: int, model: dict[str, Any] | None = None,
            size: int = 2) -> dict[str, Any]:
    """Train so many generator updates and report the share of our time.

    Args:
        name: A key of :data:`STOCK`.
        steps: Generator updates that count, after one that does not.
        model: Overrides of the stock model.
        size: Batch size.
    """
    path, edge = STOCK[name]
    MMLogger.get_instance('benchmarks', log_level='ERROR')
    config = Config.fromstring(f"_base_ = 'mmagic::{path}'", '.py')
    config.merge_from_dict(dict(model=model or {}))
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        built = build_model(config)
        built.init_weights()
        built.train()
        context = context_of(config, built)
        timed = _Timed()
        _attach(context, timed)
        translation = 'generators' in context.wrappers
        hub = MessageHub.get_current_instance()
        generator = next(n for n in context.networks.values()
                         if n.role == 'generator').optimizer
        per = max(1, context.iteration_of(generator, 1))
        wrapper = _wrapper_dict(context)
        totals, ours = [], []
        iteration = 0
        for step in range(steps + 1):
            timed.seconds, total = 0.0, 0.0
            for _ in range(per):
                data = batch(edge, translation, size)
                hub.update_info('iter', iteration)
                start = time.perf_counter()
                built.train_step(data, wrapper)
                total += time.perf_counter() - start
                iteration += 1
            if step:
                totals.append(total)
                ours.append(timed.seconds)
    updates = per * len({n.optimizer for n in context.networks.values()})
    updates -= (per - 1)  # one generator update in `per` iterations
    return {
        'batch': size,
        'steps': steps,
        'step_ms': round(statistics.median(totals) * 1e3, 2),
        'callbacks_ms': round(statistics.median(ours) * 1e3, 3),
        'callbacks_ms_per_update': round(
            statistics.median(ours) * 1e3 / updates, 4),
        'share': round(sum(ours) / sum(totals), 5)
    }


def _wrapper_dict(context: Any) -> Any:
    from mmengine.optim import OptimWrapperDict
    return OptimWrapperDict(**context.wrappers)

"""Half width against full width: how much faster a forward is.

Stock generators at stock size, and the same with every width halved
(``mmgancomp.Slimmed(divisor=2)``: about a quarter of the multiplications),
timed in turn on the CPU. The figure is the ratio of the two minima.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

import mmgancomp.registry  # noqa: F401
from mmgancomp.evaluation.profile_latency import (
    forward,
    interleaved,
    threads_set,
)
from mmgancomp.evaluation.profile_model import Subject, subjects
from mmgancomp.families.macs import inference

from .timing import spread

__all__ = ['BATCHES', 'STOCK', 'THREADS', 'measure']

STOCK = {
    'stylegan2-256':
    'styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py',
    'biggan-128':
    'biggan/biggan_ajbrock-sn_8xb32-1500kiters_imagenet1k-128x128.py',
    'sagan-128':
    'sagan/sagan_woReLUinplace_Glr1e-4_Dlr4e-4_ndisc1-4xb64_'
    'imagenet1k-128x128.py',
    'cyclegan-256':
    'cyclegan/cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py',
    'pix2pix-256':
    'pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py',
}
"""Name → stock config below ``mmagic::``."""

BATCHES, THREADS = (8, 1), (1, 2)
AIM = 2.5
"""What half width should gain at a batch of :data:`BATCHES` ``[0]``."""

_ROUNDS, _LAYER_ROUNDS = 5, 3


def generator(name: str, divisor: int) -> Subject:
    config = Config.fromstring(f"_base_ = 'mmagic::{STOCK[name]}'", '.py')
    if divisor > 1:
        config.model.generator = dict(
            type='mmgancomp.Slimmed',
            network=config.model.generator.to_dict(),
            divisor=divisor)
    torch.manual_seed(0)
    subject = subjects(config)[0]
    # Spectral norm starts with arbitrary vectors: its first images may
    # overflow, and arithmetic with infinities is slow.
    with torch.no_grad():
        subject.module.train()
        for _ in range(2):
            args, kwargs = subject.call(2)
            subject.module(*args, **kwargs)
    return subject


def _layer_times(subject: Subject, batch: int) -> dict[str, float]:
    """Milliseconds that each module takes by itself, the least of a few."""
    inside: dict[str, float] = {}
    least: dict[str, float] = {}
    began: dict[str, float] = {}
    handles = []

    def watch(path: str, module: nn.Module) -> None:

        def before(*_: Any) -> None:
            began[path] = time.perf_counter()

        def after(*_: Any) -> None:
            taken = (time.perf_counter() - began[path]) * 1e3
            inside[path] = inside.get(path, 0.) + taken

        handles.append(module.register_forward_pre_hook(before))
        handles.append(module.register_forward_hook(after))

    for path, module in subject.module.named_modules():
        watch(path, module)
    run = forward(subject.module, subject.call, batch)
    with inference(subject.module):
        run()
        for _ in range(_LAYER_ROUNDS):
            inside.clear()
            run()
            for path, taken in _own(inside).items():
                least[path] = min(least.get(path, taken), taken)
    for handle in handles:
        handle.remove()
    return least


def _own(inside: dict[str, float]) -> dict[str, float]:
    """Without what the modules below have taken."""
    own = dict(inside)
    for path, taken in inside.items():
        parent = path
        while parent:
            parent = parent.rpartition('.')[0]
            # Lists of modules are never called themselves.
            if parent in inside:
                own[parent] -= taken
                break
    return own


def _costliest(dense: Subject, slim: Subject, batch: int) -> dict[str, Any]:
    """The slim network's most expensive layer, beside the dense one's."""
    times, full = _layer_times(slim, batch), _layer_times(dense, batch)
    path = max(times, key=lambda name: times[name])
    return {
        'layer': path or '(top)',
        'type': type(slim.module.get_submodule(path)).__name__,
        'ms': round(times[path], 3),
        'share': round(times[path] / sum(times.values()), 3),
        'times_faster_than_dense': round(full[path] / times[path], 2)
    }


def measure(name: str, batches: Iterable[int] = BATCHES) -> dict[str, Any]:
    """Time one family's generator at full and at half width.

    Args:
        name: A key of :data:`STOCK`.
        batches: Batch sizes.

    Returns:
        ``batch 8, 1 thread`` and so on → spreads in milliseconds and the
        ratio of the minima; where that is below :data:`AIM` at the largest
        batch, the layer of the slim network that takes the most time.
    """
    dense, slim = generator(name, 1), generator(name, 2)
    found: dict[str, Any] = {}
    for threads in THREADS:
        for batch in batches:
            with threads_set(threads), inference(dense.module), \
                    inference(slim.module):
                taken = interleaved(
                    {
                        'dense': forward(dense.module, dense.call, batch),
                        'slim': forward(slim.module, slim.call, batch)
                    }, _ROUNDS)
                row: dict[str, Any] = {
                    f'{who}_ms': spread(times, unit=1)
                    for who, times in taken.items()
                }
                faster = min(taken['dense']) / min(taken['slim'])
                row['times_faster'] = round(faster, 3)
                if batch == BATCHES[0] and faster < AIM:
                    row['costliest_layer'] = _costliest(dense, slim, batch)
            found[f'batch {batch}, {threads} thread(s)'] = row
    return found

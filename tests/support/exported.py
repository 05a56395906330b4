"""Checkpoints to export: tiny models of every family, pruned or not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from torch import nn

from mmgancomp import families
from mmgancomp.cli.main import main
from mmgancomp.runtime.building import build_model
from mmgancomp.sparsity import MaskedNetwork
from tests.support import tiny

__all__ = [
    'checkpoint', 'figures', 'lively', 'planned', 'some_slow', 'testable'
]


def lively(model: nn.Module) -> None:
    """Move everything away from its initial value, and settle the norms.

    A fresh network has noise strengths, biases and attention of zero, and
    spectral norm with arbitrary vectors: a mistake about them would not
    show.
    """
    random = torch.Generator().manual_seed(3)
    family = families.of(model)
    with torch.no_grad():
        for network in family.networks(model).values():
            if network.role != 'generator':
                continue
            for weight in network.module.parameters():
                scale = 0.05 * float(weight.std()) if weight.numel() > 1 else 0
                weight += (scale or 0.1) * torch.randn(
                    weight.shape, generator=random)
            network.module.train()
            for _ in range(3):
                args, kwargs = family.example_call(network.module, 2, random)
                network.module(*args, **kwargs)
            if network.ema is not None:
                network.ema.load_state_dict(network.module.state_dict())


def checkpoint(config: Any,
               path: Path,
               density: float | None = None) -> str:
    """Write a checkpoint of a config's model, as a run of ours would.

    Args:
        config: The config.
        path: The file.
        density: What is kept of the generators' convolutions; None: no mask.
    """
    torch.manual_seed(0)
    model = build_model(config)
    lively(model)
    family, masks = families.of(model), {}
    for name, network in family.networks(model).items():
        if network.role != 'generator' or density is None:
            continue
        masked = MaskedNetwork(network.module,
                               family.convolutions(network.module))
        masked.prune(density=density)
        if network.ema is not None:
            masked.apply_to_(network.ema)
        masks[name] = dict(masks=masked.state_dict())
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        dict(
            state_dict=model.state_dict(),
            mmgancomp=dict(schema=1, sparsity=masks)), path)
    return str(path)


def some_slow(names: Iterable[str], *fast: str) -> list[Any]:
    """Parameters of a test: these few in the fast part, others slow."""
    return [
        name if name in fast else pytest.param(name, marks=pytest.mark.slow)
        for name in names
    ]


def testable(family: str, folder: Path, **overrides: Any) -> Any:
    """A tiny config of a family with something to test with.

    Args:
        family: A key of ``tiny.FAMILIES``.
        folder: As in ``tiny.config``.
        **overrides: Likewise.
    """
    plain = tiny.config(family, folder)
    data = plain.train_dataloader.dataset.to_dict()
    if family in ('cyclegan', 'pix2pix'):
        metric = dict(type='mmgancomp.TranslatedPSNR')
    elif family in ('srgan', 'esrgan'):
        metric = dict(type='MAE')
    else:
        averaged = plain.model.get('ema_config') is not None
        metric = dict(
            type='MS_SSIM',
            prefix='ms-ssim',
            fake_nums=4,
            sample_model='ema' if averaged else 'orig')
    return tiny.config(
        family,
        folder,
        test_cfg=dict(type='MultiTestLoop'),
        test_dataloader=dict(
            _delete_=True,
            batch_size=4,
            num_workers=0,
            persistent_workers=False,
            dataset=data,
            sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(
            _delete_=True, type='Evaluator', metrics=[metric]),
        **overrides)


def figures(config: str, checkpoint: str, folder: Path) -> dict[str, float]:
    """What ``mmgancomp test`` measures."""
    out = folder / 'figures.json'
    assert main(['test', config, checkpoint, '--out', str(out)]) == 0
    return json.loads(out.read_text())


def planned(family: str, folder: Path, kept: Mapping[str, Any]) -> Any:
    """A tiny config whose generator is cut by a plan.

    Args:
        family: A key of ``tiny.FAMILIES``.
        folder: As in ``tiny.config``.
        kept: Channel group → the channels that stay.
    """
    base = tiny.config(family, folder)
    plan = dict(schema=1, networks=dict(generator=kept))
    (folder / 'plan.json').write_text(json.dumps(plan))
    path = folder / 'source' / 'planned.py'
    path.write_text(
        f'_base_ = [{str(base.filename)!r}]\n'
        'model = dict(generator=dict(\n'
        "    _delete_=True, type='mmgancomp.Slimmed',\n"
        '    network={{_base_.model.generator}},\n'
        f'    plan={str(folder / "plan.json")!r}))\n')
    return Config.fromfile(path)

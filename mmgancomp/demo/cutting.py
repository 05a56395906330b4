"""Half of the channels cut out without any training, and exact counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mmgancomp import families
from mmgancomp.export.pruning import Aim, prune_checkpoint
from mmgancomp.runtime.building import build_model

from .rows import NETWORK

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['cut_at_once', 'sizes_are_exact', 'with_plan']


def cut_at_once(config: Config, dense: Path, width: float, folder: Path,
                source: str) -> Path:
    """Cut channels out of a trained model, as ``mmgancomp prune`` does.

    Args:
        config: The dense model's config.
        dense: Its checkpoint.
        width: Share of each width that stays, one over a whole number.
        folder: Where ``plan.json`` and ``slim.pth`` go.
        source: What the user calls the config.

    Returns:
        ``slim.pth``.
    """
    return prune_checkpoint(config, dense, [NETWORK], Aim('width', width),
                            folder, source).slim


def with_plan(config: Config, checkpoint: Path) -> Config:
    """Let a config that is built by a plan have that of a checkpoint.

    The plan's file may lie elsewhere, or be another one by now; in the
    checkpoint it is the one that its weights have the shapes of.

    Args:
        config: Any config of the demo; changed.
        checkpoint: Its weights, or those that it starts from.
    """
    if config.model[NETWORK].get('plan') is not None:
        loaded = torch.load(
            checkpoint, map_location='cpu', weights_only=True)
        config.model[NETWORK].plan = loaded['mmgancomp']['channels']['plan']
    return config


def sizes_are_exact(dense: Config, width: float,
                    checkpoint: Path) -> tuple[bool, int, int]:
    """Count the weights of a cut model's file, live and EMA, by themselves.

    Args:
        dense: The dense model's config.
        width: Share of each width that was to stay.
        checkpoint: The file.

    Returns:
        Whether each weight of both copies has the shape that it has in a
        network which is built so narrow; how many numbers these are; and
        how many the EMA copy has.
    """
    config = dense.copy()
    config.model[NETWORK] = dict(
        type='mmgancomp.Slimmed',
        network=config.model[NETWORK],
        divisor=round(1 / width))
    model = build_model(config)
    module = families.of(model).networks(model)[NETWORK].module
    wanted = {
        name: weight.shape
        for name, weight in module.named_parameters()
    }
    state = torch.load(
        checkpoint, map_location='cpu', weights_only=True)['state_dict']
    live, ema = ({
        name: state[f'{prefix}.{name}'].shape
        for name in wanted
    } for prefix in (NETWORK, f'{NETWORK}_ema.module'))
    counts = [sum(shape.numel() for shape in shapes.values())
              for shapes in (wanted, ema)]
    return live == ema == wanted, counts[0], counts[1]

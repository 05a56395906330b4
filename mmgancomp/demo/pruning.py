"""One-shot pruning without any training, and what exact counts are."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.runner import CheckpointLoader

from mmgancomp import families
from mmgancomp.files import write_whole
from mmgancomp.runtime.building import build_model
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.counts import removed_count
from mmgancomp.sparsity.registry import SCHEDULES
from mmgancomp.sparsity.settings import select_layers

from .rows import NETWORK

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['counts_are_exact', 'maskable', 'options_of', 'prune_at_once']


def options_of(config: Config) -> dict[str, Any]:
    """How a config prunes the demo's network."""
    return config.default_hooks.sparsity.networks[NETWORK]


def prune_at_once(config: Config, recipe: Config, dense: Path,
                  out: Path) -> None:
    """Prune a trained model and save it, without a single update.

    The weights that go are those that a run of ``recipe`` takes at its
    start; its EMA copy loses the same ones.

    Args:
        config: The model's config.
        recipe: The config that says which weights may go, and how many.
        dense: Checkpoint of the trained model.
        out: Checkpoint to write; plain MMagic opens it too.
    """
    options = options_of(recipe)
    model = build_model(config)
    checkpoint = CheckpointLoader.load_checkpoint(
        str(dense), map_location='cpu')
    model.load_state_dict(checkpoint['state_dict'], strict=True)

    family = families.of(model)
    network = family.networks(model)[NETWORK]
    layers = select_layers(network.module, family, options.layers, 'layers')
    masked = MaskedNetwork(network.module, layers)
    masked.prune(density=options.density, allocation=_allocation(options))
    masked.apply_to_(network.ema)

    buffer = io.BytesIO()
    torch.save(
        {
            'meta': checkpoint['meta'],
            'state_dict': model.state_dict(),
            # Where our tools look for masks.
            'mmgancomp': {
                'schema': 1,
                'sparsity': {
                    NETWORK: {
                        'masks': masked.state_dict()
                    }
                }
            }
        },
        buffer)
    write_whole(out, buffer.getvalue())


def maskable(config: Config) -> list[str]:
    """Names of the weights that a config's masks cover."""
    model = build_model(config)
    family = families.of(model)
    module = family.networks(model)[NETWORK].module
    layers = select_layers(module, family, options_of(config).layers,
                           'layers')
    return [layer.name for layer in layers]


def counts_are_exact(recipe: Config, checkpoint: Path,
                     masked: list[str]) -> tuple[bool, int, int]:
    """Count the non-zeros of a file, live and EMA, by themselves.

    Nothing of ours is asked but how a schedule rounds: the tensors of the
    checkpoint are counted as anybody would.

    Args:
        recipe: The config that pruned it.
        checkpoint: The file.
        masked: Names of the weights that may go.

    Returns:
        Whether both copies have exactly as many as they should; how many
        that is; and how many the EMA copy has.
    """
    state = torch.load(
        checkpoint, map_location='cpu', weights_only=True)['state_dict']
    live, ema = ([state[f'{prefix}.{name}'] for name in masked]
                 for prefix in (NETWORK, f'{NETWORK}_ema.module'))
    wanted = _wanted(options_of(recipe), [weight.numel() for weight in live])
    found = [
        sum(int(weight.count_nonzero()) for weight in copy)
        for copy in (live, ema)
    ]
    return found == [wanted, wanted], wanted, found[1]


def _wanted(options: Mapping[str, Any], sizes: list[int]) -> int:
    """How many weights are to be left of layers of these sizes."""
    schedule = SCHEDULES.get(options['schedule']['type'])
    parts = {
        # All layers compete, or each keeps its own share.
        'global': [sum(sizes)],
        'uniform': sizes
    }[_allocation(options)]
    return sum(
        part - removed_count(part, options['density'], schedule.rounding)
        for part in parts)


def _allocation(options: Mapping[str, Any]) -> str:
    schedule = SCHEDULES.get(options['schedule']['type'])
    return options.get('allocation') or schedule.allocation

"""What is left of PPCD-GAN's student, by what the paper leaves open.

Its α says when a layer's gates freeze, not what is left of it, and the paper
does not describe the network after removal. So each structure that its text
allows is built, both convolutions of every block cut alike, and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.families.macs import macs
from mmgancomp.runtime.building import build_model

__all__ = ['ROWS', 'measure']

CONFIG, = (Path(__file__).parents[1] / 'configs' / 'ppcd_gan').glob(
    'ppcd-gan-a7_sagan_*.py')

STOCK, TRANSITIONS = 'stock', 'with transition layers'
FULL = 'sums at full width, transition layers'
TABLES = 'the same, class tables left whole'
NARROW = 'sums narrowed too, no transition layers'

ROWS: list[tuple[str, float]] = [
    (STOCK, 1.), (TRANSITIONS, 1.), (FULL, .5), (FULL, .3), (TABLES, .5),
    (TABLES, .3), (NARROW, .5), (NARROW, .3), (NARROW, .665), (NARROW, .37)
]
"""Structure, and the share of the channels that stays, which is 1 − α in the
rows of 0.5 and 0.3; the last two are where the sizes are the paper's."""


def measure(structure: str, keep: float) -> dict[str, Any]:
    """Build one structure and count it.

    Args:
        structure: One of :data:`ROWS`.
        keep: Its share.

    Returns:
        ``params`` and, as executed, ``macs``. Class tables that stay whole
        are counted, not built: their network does not fit together.
    """
    config = load_config(str(CONFIG))
    config.model.discriminator = config.model.ema_config = None
    network = config.model.generator.network
    gated = dict(type='mmgancomp.Gated', network=network, removed=True)
    plain = gated if structure in (TRANSITIONS, FULL, TABLES) else network
    whole = _built(config, plain)
    if keep == 1:
        return _cost(whole)
    plan = _plan(whole, keep, structure == NARROW)
    slim = _built(config, dict(
        type='mmgancomp.Slimmed', network=plain, part='generator',
        plan=dict(schema=1, networks=dict(generator=plan))))
    found = _cost(slim)
    if structure == TABLES:
        found['params'] += _tables(whole) - _tables(slim)
    return found


def _built(config: Any, network: Any) -> nn.Module:
    config = config.copy()
    config.model.generator = network
    return build_model(config).generator


def _plan(network: nn.Module, keep: float,
          sums: bool) -> dict[str, list[int]]:
    """What stays of each group: of the gated ones, or of the sums as well.

    What the noise is turned into stays whole: no block has made it.
    """
    groups = families.channel_groups(network)
    if sums:
        names = [name for name in groups if name != 'noise2feat']
    else:
        names = [families.group_of(groups, site)
                 for site in families.gate_sites(network)]
    sizes = {name: round(keep * groups[name].width) for name in names}
    for group in groups.values():
        if group.attention and sums:
            # Values are four times as wide as queries and keys.
            sizes[group.value] = 4 * sizes[group.name]
    return {name: list(range(size)) for name, size in sizes.items()}


def _cost(network: nn.Module) -> dict[str, Any]:
    family, _ = families.grouping(network)
    args, kwargs = family.example_call(network, 1,
                                       torch.Generator().manual_seed(0))
    return {
        'params': sum(weight.numel() for weight in network.parameters()),
        'macs': macs(network, args, kwargs)[0]
    }


def _tables(network: nn.Module) -> int:
    return sum(module.weight.numel() for module in network.modules()
               if isinstance(module, nn.Embedding))

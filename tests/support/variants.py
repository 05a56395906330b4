"""One-line variants: the tables of a method's README, and what they need."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.registry import DefaultScope

from mmgancomp import families
from mmgancomp.runtime.building import build_model
from mmgancomp.runtime.snapshots import Snapshots
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.ticket import write_ticket
from tests.support import tiny

__all__ = ['Variant', 'finished_run', 'small', 'variants']


@dataclass(frozen=True)
class Variant:
    """A row of a table of variants.

    Attributes:
        table: The heading of its first column.
        name: What the row is called.
        words: What is to follow ``--cfg-options``, variables included.
    """

    table: str
    name: str
    words: str

    def __str__(self) -> str:
        return self.name

    def options(self, run: Path) -> list[str]:
        """The words, with ``$RUN`` and the like as a shell puts them in."""
        short = {
            '$RUN': str(run),
            '$N': 'default_hooks.sparsity.networks',
            '$D': 'default_hooks.distillation',
            '$G': 'default_hooks.gates',
            '$A': 'default_hooks.adversarial',
            '$S': 'default_hooks.stages.stages'
        }
        return shlex.split(
            re.sub(r'\$[A-Z]+', lambda name: short[name[0]], self.words))


def variants(page: Path) -> list[Variant]:
    """The rows of all tables whose second column is «One line»."""
    found, table = [], ''
    for line in page.read_text().split('\n'):
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if not line.startswith('|'):
            table = ''
        elif cells[1] == 'One line':
            table = cells[0]
        elif table and not set(line) <= set('|- '):
            code, = re.fullmatch(r'`([^`]+)`', cells[1]).groups()
            found.append(Variant(table, cells[0], code))
    return found


def small(config: Config) -> Config:
    """The same config with narrow networks, so that a plan takes no time."""
    model = config.model
    if model.type == 'StyleGAN2':
        from tests.support import tiny_stylegan2  # noqa: F401
        settings: dict[str, Any] = tiny._model_settings('stylegan2', True)
        del settings['loss_config']
    else:
        width = dict(base_channels=8)
        settings = dict(generator=width, discriminator=width)
    config.merge_from_dict(dict(model=settings))
    return config


def finished_run(config: Config, folder: Path) -> Path:
    """Leave what a lottery ticket run of this config leaves behind."""
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = build_model(config)
    networks = families.of(model).networks(model)
    snapshots = Snapshots(model, networks, folder / 'snapshots')
    snapshots.save('theta0')
    snapshots.save('dense_final')
    masked = {}
    for name, network in networks.items():
        masked[name] = MaskedNetwork(
            network.module, families.of(model).convolutions(network.module))
        masked[name].prune(density=0.3)
    for number in (5, 6):
        path = folder / f'round_{number:02d}' / 'ticket.safetensors'
        path.parent.mkdir(parents=True)
        write_ticket(
            path, masked, {
                name: network.module.state_dict()
                for name, network in networks.items()
            })
    return folder

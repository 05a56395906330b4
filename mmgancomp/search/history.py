"""What a search has found so far, epoch by epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from torch import nn

from mmgancomp.files import write_whole

from .edges import entropy
from .gap import Gap
from .genotype import SCHEMA, Genotype

__all__ = ['History', 'write_genotypes']


class History:
    """Gap, entropy and architecture of each epoch.

    Args:
        searched: The networks that are searched.

    Attributes:
        epochs: One entry per epoch that is over.
    """

    def __init__(self, searched: Sequence[str]) -> None:
        self.searched = list(searched)
        self.epochs: list[dict[str, Any]] = []
        self._steps: list[list[float]] = []
        self._entropy: dict[str, float] = {}

    def note(self, found: Gap,
             networks: Mapping[str, nn.Module]) -> dict[str, Any]:
        """Remember one step of the architecture; what to log of it."""
        first, second = float(found.first), float(found.second)
        self._steps.append([first, second])
        self._entropy = {name: entropy(networks[name])
                         for name in self.searched}
        return {
            'search/gap': first - second,
            'search/first_term': first,
            'search/second_term': second,
            **{f'search/entropy_{name}': value
               for name, value in self._entropy.items()}
        }

    def close(self, epoch: int,
              found: Mapping[str, Genotype]) -> dict[str, Any]:
        """End an epoch; its entry."""
        first = mean(step[0] for step in self._steps)
        second = mean(step[1] for step in self._steps)
        entry = {
            'epoch': epoch, 'gap': first - second, 'first_term': first,
            'second_term': second, 'entropy': dict(self._entropy),
            'genotype': {name: g.plain() for name, g in found.items()}
        }
        self.epochs.append(entry)
        self._steps = []
        return entry

    def words(self, epochs: int) -> str:
        """The latest epoch in a line per network."""
        last = self.epochs[-1]
        lines = [
            f'Search epoch {last["epoch"]} of {epochs}: gap '
            f'{last["gap"]:.4f} = {last["first_term"]:.4f} − '
            f'({last["second_term"]:.4f})'
        ]
        for name, cells in last['genotype'].items():
            lines.append(
                f'{name}, entropy {last["entropy"][name]:.3f}: '
                f'{Genotype.of(cells, name)}')
        return '\n  '.join(lines)

    def summary(self, name: str) -> dict[str, Any]:
        """A network's part of the record."""
        return {
            'genotype': self.epochs[-1]['genotype'][name],
            'gap': [[e['epoch'], e['gap']] for e in self.epochs],
            'entropy': [[e['epoch'], e['entropy'][name]]
                        for e in self.epochs]
        }

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {'epochs': list(self.epochs), 'steps': list(self._steps),
                'entropy': dict(self._entropy)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take that back."""
        self.epochs, self._steps = list(state['epochs']), list(state['steps'])
        self._entropy = dict(state['entropy'])


def write_genotypes(work_dir: str | Path, entry: Mapping[str, Any],
                    found: Mapping[str, Genotype]) -> None:
    """Write an epoch's architectures, each file whole or not at all.

    Args:
        work_dir: The run's folder.
        entry: Of :meth:`History.close`.
        found: Network → architecture.
    """
    text = json.dumps({
        'schema': SCHEMA,
        **{name: genotype.plain() for name, genotype in found.items()},
        **{key: entry[key] for key in ('epoch', 'gap', 'entropy')}
    }, indent=1) + '\n'
    folder = Path(work_dir)
    write_whole(folder / 'genotypes' / f'epoch_{entry["epoch"]:03d}.json',
                text)
    write_whole(folder / 'genotype.json', text)

"""Baselines: architectures that are drawn, not searched."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn

from .edges import choose, kept_buffers
from .gap import Gap, Players, duality_gap
from .genotype import Genotype

__all__ = ['Draws']


class Draws:
    """Draws architectures of a supernet, and keeps the one of least gap.

    A draw depends on the seed and on where the run is, and on nothing else:
    processes draw alike, and so does a resumed run.

    Args:
        strategy: ``'random_search'``: a new draw at each iteration, the best
            of an epoch is kept. ``'random_sampling'``: one per epoch, the
            best of all epochs is kept. ``'gap'``: nothing is drawn.
        seed: The run's.
        network: The supernet.
    """

    def __init__(self, strategy: str, seed: int, network: nn.Module) -> None:
        self.random = strategy != 'gap'
        self._by_epoch = strategy == 'random_sampling'
        self._seed, self._network = seed, network
        self._drawn: Genotype | None = None
        self._best: tuple[float, Genotype] | None = None
        self._epoch: list[tuple[float, Genotype]] = []

    def take(self, iteration: int, epoch: int,
             worst: nn.Module | None = None) -> None:
        """Draw for an iteration, and run that architecture alone.

        Args:
            iteration: Of the run.
            epoch: Of the search.
            worst: A copy of the supernet that is to run the same.
        """
        if not self.random:
            return
        moment = epoch if self._by_epoch else iteration
        self._drawn = self._network.space.draw(
            random.Random(f'{self._seed} {moment}'))
        for network in (self._network, worst):
            if network is not None:
                choose(network, self._drawn)

    def judge(self, players: Players, images: Tensor,
              noise: Callable[[int], Tensor]) -> Gap:
        """The gap of what is drawn, on held-out images."""
        with torch.no_grad(), kept_buffers(*players.all()):
            found = duality_gap(players, images, noise(len(images)),
                                noise(len(images)))
        self._epoch.append((float(found.gap), self._drawn))
        return found

    def decide(self) -> Genotype:
        """The architecture to keep, at the end of an epoch."""
        if self._by_epoch:
            tried = (mean(gap for gap, _ in self._epoch), self._drawn)
            if self._best is None or tried[0] < self._best[0]:
                self._best = tried
        else:
            self._best = min(self._epoch, key=lambda entry: entry[0])
        self._epoch = []
        return self._best[1]

    def show(self, average: nn.Module | None) -> None:
        """Let validation see the architecture that is kept."""
        if self._best is not None:
            for network in (self._network, average):
                if network is not None:
                    choose(network, self._best[1])

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            'best': None if self._best is None else _plain(self._best),
            'epoch': [_plain(entry) for entry in self._epoch]
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take that back."""
        best = state['best']
        self._best = None if best is None else _entry(best)
        self._epoch = [_entry(entry) for entry in state['epoch']]


def _plain(entry: tuple[float, Genotype]) -> list[Any]:
    return [entry[0], entry[1].plain()]


def _entry(plain: list[Any]) -> tuple[float, Genotype]:
    return plain[0], Genotype.of(plain[1], 'checkpoint mmgancomp.search')

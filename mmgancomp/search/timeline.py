"""What happens when in a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmgancomp.runtime.context import Part, RunShape

__all__ = ['Place', 'Timeline']


@dataclass(frozen=True)
class Place:
    """Where an iteration lies.

    Attributes:
        epoch: From 0.
        phase: ``'weights'``, ``'discriminator_worst'``,
            ``'generator_worst'`` or ``'architecture'``.
        step: Within the phase, from 0.
        first: Whether it is the epoch's first after the weights.
        last: Whether it is the epoch's last.
        trained: Iterations of ``'weights'`` before it, in the whole run.
    """

    epoch: int
    phase: str
    step: int
    first: bool
    last: bool
    trained: int


class Timeline:
    """Epochs and phases, as settings have them."""

    epochs: int
    inner_steps: int | None
    worst_steps: int | None
    outer_steps: int
    objective: str
    split: str
    solver: str
    architecture_begin: int
    grow: Any

    @property
    def with_training(self) -> bool:
        """Whether a step of the architecture sees training images too."""
        return self.split == 'mixed' or self.solver == 'unrolled'

    def depth(self, epoch: int) -> int | None:
        """Cells of the generator that run in an epoch; None for all."""
        if self.grow is None:
            return None
        return 1 + sum(epoch >= end for end in self.grow)

    def phases(self, epoch: int) -> list[tuple[str, int]]:
        """Phases of an epoch, with their steps; what nothing uses is out."""
        phases = [('weights', self.inner_steps)]
        if epoch >= self.architecture_begin:
            if self.objective != 'adversarial':
                phases.append(('discriminator_worst', self.worst_steps))
            if self.objective == 'gap':
                phases.append(('generator_worst', self.worst_steps))
            phases.append(('architecture', self.outer_steps))
        return phases

    def _length(self, epoch: int) -> int:
        return sum(steps for _, steps in self.phases(epoch))

    @property
    def shape(self) -> RunShape:
        """Epochs: a part that trains, and one that does not, in turn."""
        parts = []
        for epoch in range(self.epochs):
            after = (epoch + 1) * self.inner_steps
            parts += [
                Part(epoch * self.inner_steps, self.inner_steps),
                Part(after, self._length(epoch) - self.inner_steps, False)
            ]
        return RunShape(tuple(p for p in parts if p.length))

    def at(self, iteration: int) -> Place:
        """Epoch and phase of an iteration of the run."""
        early = self.architecture_begin * self.inner_steps
        if iteration < early:
            epoch, local = divmod(iteration, self.inner_steps)
        else:
            more, local = divmod(iteration - early,
                                 self._length(self.architecture_begin))
            epoch = self.architecture_begin + more
        trained = epoch * self.inner_steps + min(local, self.inner_steps)
        first = local == self.inner_steps
        last = local == self._length(epoch) - 1
        phases = iter(self.phases(epoch))
        phase, steps = next(phases)
        while local >= steps:
            local -= steps
            phase, steps = next(phases)
        return Place(epoch, phase, local, first, last, trained)

    def batches(self, iteration: int) -> tuple[int, int]:
        """Batches of training and held-out images used before an iteration."""
        place = self.at(iteration)
        searched = max(0, place.epoch - self.architecture_begin)
        extra = self.outer_steps * self.with_training
        held = self.outer_steps + self.worst_steps * (
            self.objective != 'adversarial')
        training, held_out = place.trained + searched * extra, searched * held
        if place.phase != 'weights':
            steps = dict(self.phases(place.epoch))
            worst = steps.get('discriminator_worst', 0)
            if place.phase == 'discriminator_worst':
                held_out += place.step
            else:
                held_out += worst
            if place.phase == 'architecture':
                held_out += place.step
                training += place.step * self.with_training
        return training, held_out

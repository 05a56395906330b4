"""A comparison: arms, how they are scored, and what is claimed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .arms import Arm, Cut
from .checks import Check

__all__ = ['DIGITS', 'Metric', 'Study']

Models = dict[int, dict[str, Any]]


@dataclass(frozen=True)
class Metric:
    """A column of the table.

    Attributes:
        keys: As in the record of a run; the mean of several.
        form: How its values are written.
        paired: Whether differences of it are shown; those of a size that
            was chosen tell nothing.
    """

    keys: Sequence[str]
    form: str = '.2f'
    paired: bool = True

    def of(self, model: dict[str, Any]) -> float:
        """Its value for a model of a record."""
        return statistics.mean(
            float(model['metrics'][key]) for key in self.keys)


DIGITS = {
    'digits-FID': Metric(['digits-fid/fid']),
    'agreement': Metric(['digits-fid/agreement'], '.1%')
}
_DIGITS_NOTE = (
    'digits-FID of the EMA generator, lower is better; agreement is the '
    'share of images that the classifier takes for the class asked for.')


@dataclass(frozen=True)
class Study:
    """A comparison.

    Attributes:
        title: Heading of its table.
        arms: What is trained.
        checks: What must hold; an effect without a check is reported.
        seeds: Seeds of every arm.
        metrics: Columns; the first one is shown seed by seed.
        note: What they mean.
        rows: Models of all arms → rows of the table; without it, the last
            model of every arm.
        measure: Row and folder of an arm → more metrics of its model.
        pairs: (row, control) whose differences are shown.
    """

    title: str
    arms: Sequence[Arm | Cut]
    checks: Sequence[Check]
    seeds: Sequence[int] = (0, 1, 2)
    metrics: dict[str, Metric] | None = None
    note: str = _DIGITS_NOTE
    rows: Callable[[dict[str, Any]], dict[str, Models]] | None = None
    measure: Callable[[str, Callable[[str], Path]], dict[str,
                                                         float]] | None = None
    pairs: Sequence[tuple[str, str]] = ()

    @property
    def columns(self) -> dict[str, Metric]:
        """Title → metric."""
        return self.metrics or DIGITS

    def table(self, models: dict[str, Any]) -> dict[str, Models]:
        """Row → seed → model."""
        if self.rows is not None:
            return self.rows(models)
        return {
            arm.name: {s: runs[-1] for s, runs in models[arm.name].items()}
            for arm in self.arms if isinstance(arm, Arm)
        }

"""The demo from its first step to its last; every step can be reused."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmgancomp.report.text import percent_text
from mmgancomp.runtime.record import versions

from .ledger import Entry, Ledger, settings_digest
from .rows import DENSE, ROWS, Row, read_config, shown_config
from .screen import Screen

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['Demo']

STEPS = len(ROWS) + 2
_FEATURE_SECONDS, _SUMMARY_SECONDS = 5, 15


@dataclass
class Demo:
    """A demo in one folder.

    Attributes:
        folder: Where everything goes.
        seed: Seed of every training; the metric's own seed is fixed.
        overrides: Row or ``'all'`` → settings that differ from the configs,
            as ``--cfg-options`` has them. The checks at its end are about
            the configs as they are.
        verbose: Show what the libraries log, in place of a file.
    """

    folder: Path
    seed: int = 0
    overrides: Mapping[str, Mapping[str, Any]] | None = None
    verbose: bool = False

    @property
    def log(self) -> Path | None:
        """The file that has what libraries print; None: the terminal."""
        return None if self.verbose else self.folder / 'demo.log'

    def config(self, name: str) -> Config:
        """A demo config with this demo's settings."""
        overrides = self.overrides or {}
        row = next(row.name for row in ROWS if row.config == name)
        return read_config(name, self.seed, {
            **overrides.get('all', {}),
            **overrides.get(row, {})
        })

    def model_config(self, row: Row, checkpoint: Path) -> Config:
        """The config that builds a row's model, for its weights."""
        from .cutting import with_plan
        return with_plan(self.config(row.config), checkpoint)

    @functools.cached_property
    def ledger(self) -> Ledger:
        """Where finished rows are noted."""
        return Ledger(self.folder)

    def made_from(self, row: Row, dense: str | None = None) -> dict[str, Any]:
        """What a row depends on: another value of any, another row.

        Args:
            row: The row.
            dense: Digest of the dense model's checkpoint, for the others.
        """
        from mmgancomp.evaluation.features import Recipe
        settings = {
            name: settings_digest(self.config(name).to_dict())
            for name in dict.fromkeys((row.config, row.recipe or row.config))
        }
        found = dict(
            seed=self.seed,
            settings=settings,
            versions=versions(),
            **{'feature network': Recipe().digest()})
        return found if dense is None else {**found, 'dense model': dense}

    def status(self) -> dict[str, Entry]:
        """Row → what is there of it, as of now."""
        entries: dict[str, Entry] = {}
        digest = None
        for row in ROWS:
            made_from = self.made_from(row, digest)
            if row is not DENSE and digest is None:
                # A changed dense model changes all that was made from it.
                there = (self.folder / row.name).is_dir()
                entries[row.name] = Entry(
                    'absent', {}, 'made with another dense model'
                    if there else '')
                continue
            entries[row.name] = self.ledger.look(row.name, made_from)
            if row is DENSE:
                digest = entries[row.name].results.get('sha256')
        return entries

    def forget(self) -> None:
        """Remove what a demo left in the folder, and nothing else."""
        from . import summary
        for row in ROWS:
            self.ledger.forget(row.name)
        for name in (*summary.FILES, 'demo.log'):
            (self.folder / name).unlink(missing_ok=True)

    def run(self, screen: Screen) -> dict[str, Any]:
        """Do what is missing; gives the record with all results.

        Args:
            screen: Shows how far it is.
        """
        from .running import one_thread
        with one_thread():
            accuracy = self._features(screen)
            done: dict[str, Mapping[str, Any]] = {}
            for position, row in enumerate(ROWS, start=2):
                done[row.name] = self._row(row, position, done, screen)
            screen.step(STEPS, STEPS, 'Count, time and draw all of them',
                        _SUMMARY_SECONDS)
            from .summary import summary
            return summary(self, done, accuracy, screen)

    def _features(self, screen: Screen) -> float:
        from mmgancomp.evaluation.feature_store import load_features
        screen.step(1, STEPS, 'Train the feature network of digits-FID',
                    _FEATURE_SECONDS)
        with screen.busy('training'):
            stored = load_features()
        accuracy = (f'names {percent_text(stored.accuracy)} of the held-out '
                    'digits right')
        if stored.seconds:
            screen.done(stored.seconds, accuracy)
        else:
            screen.reused(accuracy)
        return stored.accuracy

    def _row(self, row: Row, position: int,
             done: Mapping[str, Mapping[str, Any]],
             screen: Screen) -> Mapping[str, Any]:
        """Make one row, or go on with it, or take it as it is."""
        dense = done.get(DENSE.name, {}).get('sha256')
        made_from = self.made_from(row, dense)
        entry = self.ledger.look(row.name, made_from)
        there = entry.state == 'finished'
        screen.step(position, STEPS, row.title,
                    None if there else row.seconds)
        if there:
            screen.reused(_quality(entry.results))
            return entry.results
        if entry.why:
            screen.note(f'{entry.why}; made anew')
        folder = self.ledger.begin(
            row.name, made_from, keep=entry.state == 'begun')
        start = time.monotonic()
        checkpoint = self._make(row, folder, done, screen)
        with screen.busy('scoring 2,000 generated digits'):
            metrics = self._score(row, folder, checkpoint)
        results = self.ledger.finish(
            row.name, made_from,
            dict(
                checkpoint=self._inside(checkpoint),
                metrics=metrics,
                seconds=round(
                    max(time.monotonic() - start, _seconds(folder)), 3)))
        screen.done(results['seconds'], _quality(results))
        return results

    def _inside(self, path: Path) -> str:
        """A file of the demo, named from its folder."""
        return str(path.resolve().relative_to(self.folder.resolve()))

    def _make(self, row: Row, folder: Path,
              done: Mapping[str, Mapping[str, Any]],
              screen: Screen) -> Path:
        from .cutting import with_plan
        from .running import point_at, quiet, train
        if not row.train:
            dense = self.folder / done[DENSE.name]['checkpoint']
            with screen.busy('pruning'), quiet(self.log):
                return self._prune(row, folder, dense)
        config = self.config(row.config)
        if row is not DENSE:
            dense, start = (self.folder / done[name]['checkpoint']
                            for name in (DENSE.name, row.start))
            point_at(config, self.config(DENSE.config), dense, start)
            with_plan(config, start)
        with screen.bar() as tick, quiet(self.log):
            return train(config, folder, tick)

    def _prune(self, row: Row, folder: Path, dense: Path) -> Path:
        """Make a row out of the dense model, without any training."""
        from .cutting import cut_at_once
        from .pruning import prune_at_once
        stock = self.config(DENSE.config)
        if row.width is not None:
            return cut_at_once(stock, dense, row.width, folder,
                               self.shown_config(DENSE))
        checkpoint = folder / f'{row.name}.pth'
        prune_at_once(stock, self.config(row.recipe), dense, checkpoint)
        return checkpoint

    def _score(self, row: Row, folder: Path,
               checkpoint: Path) -> dict[str, float]:
        from .running import quiet, score
        with quiet(self.log):
            return score(
                self.model_config(row, checkpoint), folder / 'test',
                checkpoint)

    def shown_config(self, row: Row) -> str:
        """A row's config as the user can name it."""
        return shown_config(row.config)


def _seconds(folder: Path) -> float:
    """What training took, with what was done before it was killed."""
    from mmgancomp.errors import MMGanCompError
    from mmgancomp.runtime.record import read_record
    try:
        return float(read_record(folder)['run']['wall_s'])
    except (MMGanCompError, KeyError, TypeError, ValueError):
        return 0.


def _quality(results: Mapping[str, Any]) -> str:
    from .checks import FID
    return f'digits-FID {results["metrics"][FID]:.2f}'

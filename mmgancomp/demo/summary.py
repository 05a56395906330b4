"""The last step: record, picture and page of all models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmgancomp.errors import MMGanCompError
from mmgancomp.report import write_report
from mmgancomp.runtime.record import (
    FILE_NAME,
    SCHEMA,
    read_record,
    versions,
    write_record,
)

from .checks import FID, checks
from .rows import DENSE, NETWORK, ROWS, SLIM
from .screen import Screen

if TYPE_CHECKING:
    from .course import Demo

__all__ = ['FILES', 'GRID', 'PAGE', 'summary']

GRID, PAGE = 'grid.png', 'report.html'
FILES = (FILE_NAME, GRID, PAGE)
"""What the last step writes into the demo's folder."""

_FLOOR = 'digits-fid/floor'
_TITLE = 'A stock GAN, compressed: SNGAN-projection on handwritten digits'
_CAPTION = ('The same noise and the same labels through every model, one row '
            'each; on top held-out real digits.')


def summary(demo: Demo, done: Mapping[str, Mapping[str, Any]],
            accuracy: float, screen: Screen) -> dict[str, Any]:
    """Write ``compression.json``, ``grid.png`` and ``report.html``.

    Args:
        demo: The demo.
        done: Row → its results in the ledger.
        accuracy: Of the feature network, 0-1.
        screen: Shows how far it is.

    Returns:
        The record; that of an earlier time if all of it still holds.
    """
    made_from = dict(
        versions=versions(),
        checkpoints={name: row['sha256'] for name, row in done.items()})
    record = _reusable(demo.folder, made_from)
    if record is not None:
        screen.reused(f'{", ".join(FILES)}')
        return record
    start = time.monotonic()
    record = _record(demo, done, accuracy, screen)
    record['made_from'] = made_from
    with screen.busy('drawing and writing'):
        # The record last: it says that the other two are there. The page
        # reads it, and for that it is written once without that word.
        draft = {k: v for k, v in record.items() if k != 'made_from'}
        _draw(demo, done)
        write_record(demo.folder / FILE_NAME, draft)
        write_report([demo.folder], demo.folder / PAGE, _TITLE)
        write_record(demo.folder / FILE_NAME, record)
    screen.done(time.monotonic() - start)
    return record


def _reusable(folder: Path,
              made_from: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        record = read_record(folder / FILE_NAME)
    except MMGanCompError:
        return None
    there = all((folder / name).is_file() for name in FILES)
    return record if there and record.get('made_from') == made_from else None


def _record(demo: Demo, done: Mapping[str, Mapping[str, Any]],
            accuracy: float, screen: Screen) -> dict[str, Any]:
    from mmgancomp.evaluation.profile_model import subjects

    from .costs import costs, faster
    from .cutting import sizes_are_exact
    from .pruning import counts_are_exact, maskable
    from .running import quiet
    files = _files(demo, done)
    with screen.busy('counting and timing'), quiet(demo.log):
        recipes = {row.name: demo.config(row.recipe)
                   for row in ROWS if row.recipe}
        masked = maskable(next(iter(recipes.values())))
        profiled = {
            row.name: subjects(
                demo.model_config(row, files[row.name]), files[row.name],
                [NETWORK])[0]
            for row in ROWS
        }
        networks = costs(profiled, masked)
        gain = faster(profiled[SLIM.name], profiled[DENSE.name])
        counts = {
            name: counts_are_exact(recipe, files[name], masked)
            for name, recipe in recipes.items()
        }
        sizes = {
            row.name: sizes_are_exact(
                demo.config(DENSE.config), row.width, files[row.name])
            for row in ROWS if row.width is not None
        }
    models = [
        _model(demo, row, done[row.name], networks[row.name]) for row in ROWS
    ]
    fids = {name: row['metrics'][FID] for name, row in done.items()}
    updates = sum(model.get('updates', 0) for model in models)
    return dict(
        schema=SCHEMA,
        config=demo.shown_config(DENSE),
        run=dict(
            seed=demo.seed,
            updates={NETWORK: updates},
            versions=versions(),
            device=_device(),
            dtype='float32',
            wall_s=round(sum(row['seconds'] for row in done.values()), 3)),
        models=models,
        images={GRID: _CAPTION},
        checks=[
            check.as_dict()
            for check in checks(accuracy, fids, counts, sizes, gain)
        ])


def _files(demo: Demo,
           done: Mapping[str, Mapping[str, Any]]) -> dict[str, Path]:
    """Row → its checkpoint."""
    return {
        name: demo.folder / row['checkpoint']
        for name, row in done.items()
    }


def _device() -> str:
    from mmengine.device import get_device
    return get_device()


def _model(demo: Demo, row: Any, results: Mapping[str, Any],
           network: dict[str, Any]) -> dict[str, Any]:
    """One entry of the record's ``models``."""
    metrics = dict(results['metrics'])
    if row is not DENSE:
        # A property of the real images, not of this model.
        metrics.pop(_FLOOR, None)
    model = dict(
        name=row.name,
        config=demo.shown_config(row),
        checkpoint=results['checkpoint'],
        metrics=metrics,
        seconds=results['seconds'])
    if row is DENSE:
        model['reference'] = True
    for key in ('bytes', 'bytes_packed', 'latency_ms'):
        model[key] = network.pop(key)
    try:
        run = read_record(demo.folder / row.name)
    except MMGanCompError:
        run = None
    if run is not None:
        model['updates'] = run['run']['updates'][NETWORK]
        trained = run['models'][0]['networks'][NETWORK]
        for key in ('granularity', 'history'):
            if key in trained:
                network[key] = trained[key]
    model['networks'] = {NETWORK: network}
    return model


def _draw(demo: Demo, done: Mapping[str, Mapping[str, Any]]) -> None:
    from .grid import draw, generated, real
    from .running import quiet
    files = _files(demo, done)
    with quiet(demo.log):
        made = {
            row.name: generated(
                demo.model_config(row, files[row.name]), files[row.name])
            for row in ROWS
        }
    size = made[DENSE.name].shape[-1]
    floor = done[DENSE.name]['metrics'][_FLOOR]
    notes = [f'held out, digits-FID {floor:.2f}']
    notes += [f'digits-FID {done[name]["metrics"][FID]:.2f}' for name in made]
    draw(demo.folder / GRID, {'real': real(size), **made}, notes)

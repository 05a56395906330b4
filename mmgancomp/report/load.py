"""Runs as a report reads them: records, images, curves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgancomp.errors import MMGanCompError
from mmgancomp.runtime.record import FILE_NAME, read_record

__all__ = ['Curve', 'Run', 'load_runs']

_COUNTS = ('params', 'nonzero', 'maskable', 'kept', 'density', 'bytes',
           'bytes_packed')
_LATENCY = ('batch', 'threads', 'median', 'p10', 'p90')


@dataclass(frozen=True)
class Curve:
    """How a quantity moved.

    Attributes:
        points: (time, value), in order.
        clock: What time counts: ``'update'``, ``'iteration'``, ``'round'``,
            ``'epoch'``.
    """

    points: list[tuple[float, float]]
    clock: str = 'iteration'


@dataclass
class Run:
    """One finished run.

    Attributes:
        name: Its folder's name.
        path: Its record.
        record: The record's content, checked.
        images: PNG files beside it.
        curves: Name → curve; those of masks are named ``sparsity/…``.
    """

    name: str
    path: Path
    record: dict[str, Any]
    images: list[Path] = field(default_factory=list)
    curves: dict[str, Curve] = field(default_factory=dict)


def load_runs(paths: Sequence[str | Path]) -> list[Run]:
    """Read runs and check what a report needs of them.

    Args:
        paths: Work folders or ``compression.json`` files.

    Raises:
        MMGanCompError: A record is missing or wrong; names file and key.
    """
    runs = []
    for given in paths:
        path = Path(given)
        path = path / FILE_NAME if path.is_dir() else path
        record = read_record(path)
        _check(path, record)
        folder = path.resolve().parent
        runs.append(
            Run(name=folder.name,
                path=path,
                record=record,
                images=sorted(filter(Path.is_file, folder.glob('*.png'))),
                curves=_curves(path, record)))
    return runs


def _check(path: Path, record: Mapping[str, Any]) -> None:
    if not record['models']:
        raise MMGanCompError(f'{path}: models is empty: nothing to report')
    _dict(path, 'run', record.get('run'))
    for index, model in enumerate(record['models']):
        key = f'models[{index}]'
        if not isinstance(model, dict):
            raise _wrong(path, key, model, 'must be an object')
        if not isinstance(model.get('name'), str) or not model['name']:
            raise _wrong(path, f'{key}.name', model.get('name'),
                         'must be a text')
        _numbers(path, key, model, ('bytes', 'bytes_packed', 'round'))
        metrics = _dict(path, f'{key}.metrics', model.get('metrics'))
        _numbers(path, f'{key}.metrics', metrics, list(metrics), signed=True)
        _latency(path, key, model)
        networks = _dict(path, f'{key}.networks', model.get('networks'))
        for name, network in networks.items():
            inner = f'{key}.networks.{name}'
            if network is None:
                raise _wrong(path, inner, network, 'must be an object')
            counts = _dict(path, inner, network)
            _numbers(path, inner, counts, _COUNTS)
            macs = _dict(path, f'{inner}.macs', counts.get('macs'))
            _numbers(path, f'{inner}.macs', macs, ('executed', 'paper'))
            _latency(path, inner, counts)


def _latency(path: Path, key: str, owner: Mapping[str, Any]) -> None:
    key = f'{key}.latency_ms'
    latency = _dict(path, key, owner.get('latency_ms'))
    _numbers(path, key, latency, _LATENCY)


def _dict(path: Path, key: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(path, key, value, 'must be an object')
    return value


def _numbers(path: Path,
             key: str,
             owner: Mapping[str, Any],
             names: Sequence[str],
             signed: bool = False) -> None:
    for name in names:
        value = owner.get(name)
        if value is None:
            continue
        number = _finite(value) and not isinstance(value, bool)
        if not number or (value < 0 and not signed):
            raise _wrong(path, f'{key}.{name}', value,
                         'must be a number' + ' ≥ 0' * (not signed))


def _wrong(path: Path, key: str, value: Any, remedy: str) -> MMGanCompError:
    shown = repr(value)
    shown = shown if len(shown) < 60 else f'{shown[:57]}…'
    return MMGanCompError(f'{path}: {key} = {shown}: {remedy}')


def _curves(path: Path, record: Mapping[str, Any]) -> dict[str, Curve]:
    """What the record tells of the past, and what the run logged besides."""
    found = {
        f'sparsity/{name}': curve
        for name, curve in _histories(path, record['models']).items()
    }
    found |= _searches(path, record['models'])
    given = _dict(path, 'curves', record.get('curves'))
    for name, points in given.items():
        found[name] = Curve(_points(path, f'curves.{name}', points), 'update')
    metrics = {
        name
        for model in record['models'] for name in model.get('metrics') or {}
    }
    for name, points in _logged(path.parent, metrics, not found).items():
        found.setdefault(name, Curve(points))
    return {
        name: curve
        for name, curve in found.items() if len(curve.points) > 1
    }


def _histories(path: Path,
               models: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Sparsity over updates of each network whose masks kept a history."""
    kept: dict[tuple[str, str], Curve] = {}
    for index, model in enumerate(models):
        for name, network in (model.get('networks') or {}).items():
            if network.get('history'):
                key = f'models[{index}].networks.{name}.history'
                points = _points(path, key, network['history'])
                kept[model['name'], name] = Curve(
                    [(update, 1 - density) for update, density in points],
                    'update')
    # Of two parts of a name, only what tells the curves apart is shown.
    several = len({model for model, _ in kept}) > 1
    networks = len({network for _, network in kept}) > 1
    return {
        ' · '.join([model] * several + [network] *
                   (networks or not several)): curve
        for (model, network), curve in kept.items()
    }


def _searches(path: Path,
              models: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Gap and entropy over the epochs of a search of architectures."""
    found: dict[str, Curve] = {}
    for index, model in enumerate(models):
        for name, network in (model.get('networks') or {}).items():
            key = f'models[{index}].networks.{name}.search'
            search = _dict(path, key, network.get('search'))
            for what, title in (('gap', 'duality gap'),
                                ('entropy', f'entropy of the {name}')):
                if search.get(what):
                    found[f'search/{title}'] = Curve(
                        _points(path, f'{key}.{what}', search[what]),
                        'epoch')
    return found


def _logged(folder: Path, metrics: set[str],
            masks: bool) -> dict[str, list[tuple[float, float]]]:
    """Metrics, and on request sparsities, from MMEngine's scalar files."""
    found: dict[str, dict[float, float]] = {}
    # A resumed run has a folder for each start; the later one wins.
    for log in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in log.read_text(errors='replace').splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):  # cut off by a killed run
                continue
            if not isinstance(entry, dict) or not _finite(entry.get('step')):
                continue
            for name, value in entry.items():
                wanted = name in metrics or (masks
                                             and name.startswith('sparsity/'))
                if wanted and _finite(value):
                    found.setdefault(name, {})[entry['step']] = value
    return {
        name: sorted(points.items())
        for name, points in sorted(found.items())
    }


def _points(path: Path, key: str, points: Any) -> list[tuple[float, float]]:
    try:
        curve = [(float(x), float(y)) for x, y in points]
    except (OverflowError, TypeError, ValueError):
        raise _wrong(path, key, points,
                     'must be a list of [update, value]') from None
    if not all(_finite(x) and _finite(y) for x, y in curve):
        raise _wrong(path, key, points, 'must hold finite numbers')
    return curve


def _finite(value: Any) -> bool:
    # Whole numbers may be larger than any float.
    return isinstance(value, (int, float)) and abs(value) < math.inf and (
        isinstance(value, float) or value.bit_length() < 1024)

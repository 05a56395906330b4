"""Curves and images of the page."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from .charts import lines, trade_off, with_prefix
from .load import Curve, Run
from .rows import Row
from .words import main_metric

__all__ = ['curve_figures', 'image_figures']

# A page must open on a phone: the images of a long run stay in its folder.
_MOST_IMAGES = 24
_PNG = b'\x89PNG\r\n\x1a\n'


def curve_figures(rows: Sequence[Row], runs: Sequence[Run]) -> str:
    """Cost against quality, rounds, and what changed over the updates."""
    found = _trade_off(rows) + _rounds(rows)
    for head in sorted({_group(name) for run in runs for name in run.curves}):
        curves = _joined(runs, head)
        clock = ', '.join(sorted({c.clock for c in curves.values()}))
        found.append((lines(curves, clock, head),
                      f'{head} over the run{"s" * (len(runs) > 1)}'))
    shown = ''.join(
        _figure(with_prefix(svg, f'figure{index}-'), caption)
        for index, (svg, caption) in enumerate(found))
    return f'<div class="figures">{shown}</div>' if shown else ''


def _group(name: str) -> str:
    """Curves of one kind share a figure; each metric has its own."""
    return 'sparsity' if name.startswith('sparsity/') else name


def _joined(runs: Sequence[Run], head: str) -> Mapping[str, Curve]:
    curves = {}
    for run in runs:
        for name, curve in run.curves.items():
            if _group(name) == head:
                label = name.partition('/')[2] if head != name else name
                if len(runs) > 1:
                    label = f'{label} · {run.name}'
                curves[label] = curve
    return curves


def _trade_off(rows: Sequence[Row]) -> list[tuple[str, str]]:
    metric = main_metric(rows)
    if metric is None:
        return []
    points = [(row.name, row.nonzero, row.metrics[metric]) for row in rows
              if row.nonzero is not None and metric in row.metrics]
    if len(points) < 2:
        return []
    floors = [
        value for row in rows for name, value in row.metrics.items()
        if name == f'{metric.rpartition("/")[0]}/floor'
    ]
    floor = floors[0] if floors else None
    svg = trade_off(points, 'non-zero parameters', metric, floor)
    return [(svg, f'What each model costs against its {metric}')]


def _rounds(rows: Sequence[Row]) -> list[tuple[str, str]]:
    metric = main_metric(rows)
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.round is not None and metric in row.metrics:
            points.setdefault(row.run.name, []).append(
                (row.round, row.metrics[metric]))
    curves = {
        name: Curve(sorted(found), 'round')
        for name, found in points.items() if len(found) > 1
    }
    if not curves:
        return []
    return [(lines(curves, 'round', metric), f'{metric} by round')]


def image_figures(runs: Sequence[Run]) -> str:
    """The PNG files beside the records, inside the page."""
    found = []
    for run in runs:
        captions = run.record.get('images')
        captions = captions if isinstance(captions, dict) else {}
        for path in run.images[:_MOST_IMAGES]:
            caption = captions.get(path.name) or path.name
            if len(runs) > 1:
                caption = f'{run.name}: {caption}'
            found.append(_image(path, str(caption)))
        left = len(run.images) - _MOST_IMAGES
        if left > 0:
            folder = escape(str(run.path.parent))
            found.append(f'<p>{left} more lie in {folder}.</p>')
    shown = ''.join(found)
    if not shown:
        return ''
    # A single image may use the whole width.
    return shown if len(found) == 1 else f'<div class="figures">{shown}</div>'


def _image(path: Path, caption: str) -> str:
    content = path.read_bytes()
    if not content.startswith(_PNG) or len(content) < 24:
        return ''
    width, height = struct.unpack('>II', content[16:24])
    # Few pixels are meant as pixels, not as a blur.
    kind = ' class="small"' if width < 480 else ''
    data = base64.b64encode(content).decode()
    return _figure(
        f'<img{kind} alt="{escape(caption)}" width="{width}" '
        f'height="{height}" src="data:image/png;base64,{data}">', caption)


def _figure(content: str, caption: str) -> str:
    return (f'<figure>{content}<figcaption>{escape(caption)}</figcaption>'
            '</figure>')

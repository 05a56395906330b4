"""Drawings of the cells that a search has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from .load import Run

__all__ = ['cell_figures']

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 134, 30, 34, 22
_LINE, _FILL, _INK = '#0f6e84', '#eef5f7', '#3d4852'


def cell_figures(runs: Sequence[Run]) -> str:
    """A figure per cell of each network that a run has searched."""
    shown = ''
    for run in runs:
        model = run.record['models'][-1]
        for name, network in (model.get('networks') or {}).items():
            found = (network.get('search') or {}).get('genotype')
            for number, cell in enumerate(found or (), 1):
                title = f'{name}, cell {number}'
                if len(runs) > 1:
                    title += f' · {run.name}'
                shown += (f'<figure>{_cell(cell, number)}<figcaption>'
                          f'{escape(title)}</figcaption></figure>')
    return f'<div class="figures">{shown}</div>' if shown else ''


def _cell(cell: Mapping[str, Sequence[str]], number: int) -> str:
    """A generator's cell has two ways in, a discriminator's one."""
    if 'up' in cell:
        rows = [[cell['up'][0], *cell['normal'][:2]],
                [cell['up'][1], cell['normal'][2]]]
        rows += [[f'{name} ×{2 ** (number - source)}']
                 for source, name in enumerate(cell.get('skip', ()), 1)]
    else:
        rows = [[*cell.get('lift', ()), *cell['normal']], ['shortcut']]
    starts = ['in', 'in'] + [f'cell {s}' for s in range(1, len(rows) - 1)]
    columns = max(map(len, rows))
    start = 52
    end = start + columns * (_WIDTH + _GAP_X) + _GAP_X
    height = len(rows) * (_HEIGHT + _GAP_Y) + 8
    middle = (height - _GAP_Y) / 2
    parts = []
    for index, (row, source) in enumerate(zip(rows, starts)):
        y = 8 + index * (_HEIGHT + _GAP_Y)
        centre = y + _HEIGHT / 2
        parts.append(_text(4, centre, source, 'start'))
        x = start
        parts.append(_line(start - 12, centre, x, centre))
        for name in row:
            parts.append(
                f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" '
                f'rx="6" fill="{_FILL}" stroke="{_LINE}"/>'
                + _text(x + _WIDTH / 2, centre, name, 'middle'))
            last, x = x + _WIDTH, x + _WIDTH + _GAP_X
            parts.append(_line(last, centre, x, centre))
        parts.append(_line(x, centre, end - _GAP_X, centre))
        parts.append(_line(end - _GAP_X, centre, end - 10, middle))
    parts.append(f'<circle cx="{end}" cy="{middle}" r="10" fill="white" '
                 f'stroke="{_LINE}"/>' + _text(end, middle, '+', 'middle'))
    return (f'<svg role="img" viewBox="0 0 {end + 14} {height}">'
            f'{"".join(parts)}</svg>')


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return (f'<text x="{x}" y="{y + 4}" font-size="12" fill="{_INK}" '
            f'text-anchor="{anchor}">{escape(words)}</text>')


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return (f'<path d="M{x} {y}L{to_x} {to_y}" stroke="{_LINE}" '
            'fill="none"/>')

"""The tables of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .charts import PALETTE
from .rows import Row
from .text import (
    ABSENT,
    bytes_text,
    count_text,
    milliseconds_text,
    number_text,
    percent_text,
    ratio_text,
)

__all__ = ['layer_tables', 'metric_names', 'model_table', 'network_table']


@dataclass(frozen=True)
class _Column:
    """One quantity: its heading, its value, how it reads."""

    head: str
    value: Callable[[Row], float | None]
    text: Callable[[float | None], str]
    ratio: bool = True
    extra: Callable[[Row], str] = lambda row: ''


def metric_names(rows: Sequence[Row]) -> list[str]:
    """Every metric that some model has, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row.metrics))


def _columns(rows: Sequence[Row]) -> list[_Column]:
    metrics = [
        _Column(
            name,
            lambda row, name=name: row.metrics.get(name),
            number_text,
            ratio=False) for name in metric_names(rows)
    ]
    costs = [
        _Column('round', lambda row: row.round, number_text, ratio=False),
        _Column('parameters', lambda row: row.params, count_text),
        _Column('non-zero', lambda row: row.nonzero, count_text),
        _Column('zeros in all', lambda row: row.zeros, percent_text, False),
        _Column('kept of maskable', lambda row: row.kept, percent_text,
                False),
        _Column('MACs', lambda row: row.macs, count_text),
        _Column('MACs, paper', lambda row: row.paper_macs, count_text),
        _Column('file, plain', lambda row: row.bytes, bytes_text),
        _Column('file, packed', lambda row: row.packed, bytes_text),
        _Column(
            'latency',
            lambda row: row.latency.get('median'),
            milliseconds_text,
            extra=_spread),
    ]
    # A column in which nobody has anything says nothing.
    return [
        column for column in metrics + costs
        if any(column.value(row) is not None for row in rows)
    ]


def _spread(row: Row) -> str:
    if 'p10' not in row.latency or 'p90' not in row.latency:
        return ''
    low, high = row.latency['p10'], row.latency['p90']
    return f'{low:.3g}–{high:.3g}'


def model_table(rows: Sequence[Row]) -> str:
    """Models × quantities, with bars, and ratios to the first model."""
    columns = _columns(rows)
    heads = ''.join(f'<th scope="col">{_head(column.head)}</th>'
                    for column in columns)
    peaks = [
        max((abs(column.value(row) or 0) for row in rows), default=0)
        for column in columns
    ]
    body = []
    for position, row in enumerate(rows):
        colour = PALETTE[position % len(PALETTE)]
        cells = [
            f'<td class="name"><span class="dot" style="background:{colour}">'
            f'</span>{escape(row.name)}</td>'
        ]
        cells += [
            _cell(column, row, rows[0], peak)
            for column, peak in zip(columns, peaks)
        ]
        body.append(f'<tr>{"".join(cells)}</tr>')
    return (f'<div class="wide"><table class="cards"><thead><tr>'
            f'<th scope="col">model</th>{heads}</tr></thead>'
            f'<tbody>{"".join(body)}</tbody></table></div>')


def _head(text: str) -> str:
    # Metric names are long words: let them break where they are made of two.
    return escape(text).replace('/', '/<wbr>').replace('-', '-<wbr>')


def _cell(column: _Column, row: Row, reference: Row, peak: float) -> str:
    value = column.value(row)
    inner = f'<span>{escape(column.text(value))}</span>'
    small = []
    if column.ratio and row is not reference:
        small.append(ratio_text(value, column.value(reference)))
    if value is not None:
        small.append(column.extra(row))
    for text in filter(None, small):
        inner += f'<small class="ratio">{escape(text)}</small>'
    if value is not None and peak and column.head != 'round':
        share = min(100, 100 * abs(value) / peak)
        inner += (f'<span class="bar"><i style="width:{share:.1f}%"></i>'
                  '</span>')
    return f'<td data-label="{escape(column.head)}">{inner}</td>'


def network_table(rows: Sequence[Row]) -> str:
    """Every network of every model, where a model has more than one."""
    if all(len(row.model.get('networks') or {}) < 2 for row in rows):
        return ''
    heads = ('network', 'parameters', 'non-zero', 'maskable', 'kept',
             'kept of maskable', 'MACs', 'MACs, paper')
    # A convention of a paper is for some generators only.
    if all(
            'paper' not in (network.get('macs') or {}) for row in rows
            for network in (row.model.get('networks') or {}).values()):
        heads = heads[:-1]
    body = [
        _row(
            f'{row.name} · {name}',
            count_text(network.get('params')),
            count_text(network.get('nonzero')),
            count_text(network.get('maskable')),
            count_text(network.get('kept')),
            percent_text(network.get('density')),
            count_text((network.get('macs') or {}).get('executed')),
            count_text((network.get('macs') or {}).get('paper')),
            heads=heads) for row in rows
        for name, network in (row.model.get('networks') or {}).items()
    ]
    return ('<details><summary>Each network by itself</summary>'
            f'{_table(heads, body)}</details>')


def layer_tables(rows: Sequence[Row]) -> str:
    """The layers of every network that lists them, folded away."""
    found = []
    for row in rows:
        for name, network in (row.model.get('networks') or {}).items():
            layers = network.get('layers')
            if isinstance(layers, list) and layers:
                found.append('<details><summary>'
                             f'{escape(row.name)} · {escape(name)}: '
                             f'{len(layers)} layers</summary>'
                             f'{_layers(layers)}</details>')
    return ''.join(found)


def _layers(layers: Sequence[Mapping[str, Any]]) -> str:
    heads = ('layer', 'type', 'parameters', 'non-zero', 'kept of maskable',
             'MACs')
    body = [
        _row(
            str(layer.get('name', ABSENT)),
            str(layer.get('type', ABSENT)),
            count_text(layer.get('params')),
            count_text(layer.get('nonzero')),
            percent_text(_kept(layer)),
            count_text((layer.get('macs') or {}).get('executed')),
            heads=heads) for layer in layers if isinstance(layer, dict)
    ]
    return _table(heads, body)


def _kept(layer: Mapping[str, Any]) -> float | None:
    """Kept share of a layer; a record of masks alone lists its weights."""
    whole = layer.get('maskable', layer.get('params'))
    if layer.get('density') is None and whole and 'kept' in layer:
        return layer['kept'] / whole
    return layer.get('density')


def _row(*texts: str, heads: Sequence[str]) -> str:
    first, *rest = texts
    cells = ''.join(
        f'<td data-label="{escape(head)}"><span>{escape(text)}</span></td>'
        for head, text in zip(heads[1:], rest))
    return f'<tr><td class="name">{escape(first)}</td>{cells}</tr>'


def _table(heads: Sequence[str], body: Sequence[str]) -> str:
    shown = ''.join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    return (f'<div class="wide"><table class="cards"><thead><tr>{shown}'
            f'</tr></thead><tbody>{"".join(body)}</tbody></table></div>')

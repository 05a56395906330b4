"""Profiles as tables for people."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from mmgancomp.report.text import ABSENT, bytes_text, count_text, percent_text

__all__ = ['print_profile']


def _latency_text(latency: dict[str, Any] | None) -> str:
    if not latency:
        return ABSENT
    return (f'{latency["median"]:.2f} '
            f'({latency["p10"]:.2f}–{latency["p90"]:.2f})')


def print_profile(found: dict[str, Any]) -> None:
    """Print a document of ``mmgancomp profile`` on stdout."""
    # A pipe has no width: let a row be as long as it needs.
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    several = len(found['models']) > 1
    table = Table(box=box.SIMPLE_HEAD, title_justify='left')
    for head in ('model', 'network', 'weights'):
        table.add_column(head, overflow='fold')
    ways = _conventions(found)
    paper = ['MACs, paper'] * any('paper' in found for found in ways)
    for head in ('params', 'non-zero', 'kept ÷ maskable', 'MACs', *paper,
                 'plain', 'packed', 'latency ms (p10–p90)'):
        table.add_column(head, justify='right', no_wrap=True)
    for model in found['models']:
        for name, network in model['networks'].items():
            table.add_row(model['name'], name, network['weights'],
                          *_numbers(network, bool(paper)))
    console.print(table)
    _print_notes(console, found)
    if several:
        _print_comparison(console, found)
    for model in found['models']:
        for name, network in model['networks'].items():
            if 'layers' in network:
                title = f'{model["name"]} · {name}' if several else name
                console.print(_layers(title, network))


def _conventions(found: dict[str, Any]) -> list[dict[str, str]]:
    return [
        network.get('conventions', {}) for model in found['models']
        for network in model['networks'].values()
    ]


def _numbers(network: dict[str, Any], paper: bool) -> list[str]:
    return [
        count_text(network['params']),
        count_text(network['nonzero']),
        _kept(network),
        count_text(network['macs']['executed']),
        *[count_text(network['macs'].get('paper'))] * paper,
        bytes_text(network.get('bytes')),
        bytes_text(network.get('bytes_packed')),
        _latency_text(network.get('latency_ms'))
    ]


def _kept(counts: dict[str, Any]) -> str:
    return percent_text(counts.get('density'))


def _print_notes(console: Console, found: dict[str, Any]) -> None:
    networks = [n for m in found['models'] for n in m['networks'].values()]
    latency = next(n['latency_ms'] for n in networks if 'latency_ms' in n)
    notes = [
        'MACs: one sample, as executed. Latency: batch '
        f'{latency["batch"]}, {latency["threads"]} thread(s), CPU.'
    ]
    sources = {ways['paper'] for ways in _conventions(found)
               if 'paper' in ways}
    if sources:
        notes.append('MACs, paper: as counted for the published tables '
                     f'({", ".join(sorted(sources))}), to compare with them '
                     'and nothing else.')
    if any(network.get('density_by') == 'mask' and network['density'] < 1
           for network in networks):
        notes.append('Zeros are multiplied like any number: they save bytes '
                     'when packed, not MACs and not time.')
    elif all(network.get('density_by') != 'mask' for network in networks):
        notes.append('No masks here: zeros stand for pruned weights.')
    for note in notes:
        console.print(note, style='dim', highlight=False)


def _print_comparison(console: Console, found: dict[str, Any]) -> None:
    compared = found['comparison']
    for name, ratio in compared['latency_ratio'].items():
        console.print(
            f'{name}: {compared["of"]} takes {ratio["median"]:.3f} × the '
            f'time of {compared["against"]} (p10–p90 '
            f'{ratio["p10"]:.3f}–{ratio["p90"]:.3f}, timed in turn)',
            highlight=False)


def _layers(title: str, network: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify='left')
    table.add_column('layer', overflow='fold')
    table.add_column('type')
    for head in ('shape', 'params', 'non-zero', 'kept', 'MACs', 'share'):
        table.add_column(head, justify='right', no_wrap=True)
    total = network['macs']['executed'] or 1
    for layer in network['layers']:
        shape = '×'.join(map(str, layer.get('shape', []))) or ABSENT
        own = layer['macs']['executed']
        table.add_row(layer['name'], layer['type'], shape,
                      count_text(layer['params']),
                      count_text(layer['nonzero']), _kept(layer),
                      count_text(own), percent_text(own / total))
    return table

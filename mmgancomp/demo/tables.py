"""What the demo prints at its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from mmgancomp.report.text import ABSENT, bytes_text, count_text, percent_text
from mmgancomp.report.words import SPEED

from .checks import FID
from .rows import NETWORK

__all__ = ['print_results']

_FLOOR = 'digits-fid/floor'
_COLUMNS = ('digits-\nFID', 'para-\nmeters', 'non-\nzero', 'zeros\nin all',
            'MACs', 'file,\nplain', 'file,\npacked', 'latency ms\n(p10–p90)')


def print_results(console: Console, record: Mapping[str, Any], folder: Path,
                  commands: Mapping[str, str]) -> bool:
    """Print table, checks and where the files are.

    Args:
        console: Where to.
        record: What :meth:`mmgancomp.demo.course.Demo.run` gave.
        folder: The demo's folder.
        commands: What it does → a command to try next.

    Returns:
        Whether all checks are met.
    """
    console.print()
    console.print(_table(record['models']))
    latency = record['models'][0]['latency_ms']
    _say(
        console, 'digits-FID: 0 is best, above 60 is destroyed; counts are '
        "those of the generator's EMA copy. MACs of one image; a forward of "
        f'{latency["batch"]} images on {latency["threads"]} CPU thread, all '
        'models timed in turn.', 'dim')
    head, _, rest = SPEED.partition(': ')
    _say(console, f'\n[bold]{head}:[/bold] {rest}')
    console.print()
    for check in record['checks']:
        mark = '[green]met[/green]   ' if check['met'] else (
            '[bold red]MISSED[/bold red]')
        _say(console, f'{mark} {check["what"]}: {check["found"]} '
             f'(wanted {check["wanted"]})')
    met = all(check['met'] for check in record['checks'])
    if not met:
        _say(
            console, '[bold red]Not everything is as it should be.[/bold red]'
            ' The lines marked MISSED say what is not.')
    console.print()
    for name, path in (('Picture', 'grid.png'), ('Page', 'report.html'),
                       ('Record', 'compression.json')):
        _say(console, f'{name:<8} {folder / path}')
    for name, command in commands.items():
        _say(console, f'{name:<8} {command}')
    return met


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(
        text,
        style=style,
        highlight=False,
        soft_wrap=not console.is_terminal)


def _table(models: list[Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column('model', overflow='fold')
    for head in _COLUMNS:
        table.add_column(head, justify='right', no_wrap=True)
    floor = models[0]['metrics'].get(_FLOOR)
    table.add_row('real, held out', _fid(floor),
                  *[ABSENT] * (len(_COLUMNS) - 1), style='dim')
    for model in models:
        network, latency = model['networks'][NETWORK], model['latency_ms']
        table.add_row(
            model['name'], _fid(model['metrics'].get(FID)),
            f'{network["params"]:,}', f'{network["nonzero"]:,}',
            percent_text(1 - network['nonzero'] / network['params']),
            count_text(network['macs']['executed']),
            bytes_text(model['bytes']), bytes_text(model['bytes_packed']),
            f'{latency["median"]:.2f} '
            f'({latency["p10"]:.2f}–{latency["p90"]:.2f})')
    return table


def _fid(value: float | None) -> str:
    return ABSENT if value is None else f'{value:.2f}'

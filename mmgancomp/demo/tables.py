"""What the demo prints at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from mmgancomp.report.text import ABSENT, bytes_text, count_text, percent_text
from mmgancomp.report.words import SPEED
from mmgancomp.runtime.record import FILE_NAME

from .checks import FID
from .rows import NETWORK
from .summary import GRID, PAGE

__all__ = ['print_results']

Model = Mapping[str, Any]

_FLOOR = 'digits-fid/floor'
# Narrower terminals get two tables, one below the other.
_WIDE = 100


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
    columns = _columns(record['models'])
    middle = len(columns) if console.width >= _WIDE else len(columns) // 2
    for part in (columns[:middle], columns[middle:]):
        if part:
            console.print(_table(record['models'], part))
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
    files = {'Picture': GRID, 'Page': PAGE, 'Record': FILE_NAME}
    lines = {name: str(folder / file) for name, file in files.items()}
    for name, text in {**lines, **commands}.items():
        # To be copied: a break would get into it.
        console.print(
            f'{name:<8} {text}', highlight=False, markup=False,
            soft_wrap=True)
    return met


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(
        text,
        style=style,
        highlight=False,
        soft_wrap=not console.is_terminal)


def _columns(models: Sequence[Model]) -> list[tuple[str, list[str]]]:
    """Heading and cells of each column; real images come first."""
    floor = models[0]['metrics'].get(_FLOOR)
    cells: list[tuple[str, Callable[[Model], str]]] = [
        ('digits-\nFID', lambda model: _fid(model['metrics'].get(FID))),
        ('para-\nmeters', lambda model: f'{_network(model)["params"]:,}'),
        ('non-\nzero', lambda model: f'{_network(model)["nonzero"]:,}'),
        ('zeros\nin all', _zeros),
        ('MACs', lambda model: count_text(
            _network(model)['macs']['executed'])),
        ('file,\nplain', lambda model: bytes_text(model['bytes'])),
        ('file,\npacked', lambda model: bytes_text(model['bytes_packed'])),
        ('latency ms\n(p10–p90)', _latency),
    ]
    return [(head, [
        _fid(floor) if cell is cells[0][1] else ABSENT,
        *map(cell, models)
    ]) for head, cell in cells]


def _table(models: Sequence[Model],
           columns: Sequence[tuple[str, list[str]]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column('model', no_wrap=True)
    for head, _ in columns:
        table.add_column(head, justify='right', no_wrap=True)
    names = ['real, held out', *(model['name'] for model in models)]
    for position, name in enumerate(names):
        row = [cells[position] for _, cells in columns]
        if any(text != ABSENT for text in row):
            table.add_row(name, *row, style=None if position else 'dim')
    return table


def _network(model: Model) -> Mapping[str, Any]:
    return model['networks'][NETWORK]


def _zeros(model: Model) -> str:
    network = _network(model)
    return percent_text(1 - network['nonzero'] / network['params'])


def _latency(model: Model) -> str:
    latency = model['latency_ms']
    return (f'{latency["median"]:.2f} '
            f'({latency["p10"]:.2f}–{latency["p90"]:.2f})')


def _fid(value: float | None) -> str:
    return ABSENT if value is None else f'{value:.2f}'

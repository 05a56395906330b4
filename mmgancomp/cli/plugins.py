"""``mmgancomp plugins``: what is loaded, from where, and what is mended."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
import warnings
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        '--json',
        action='store_true',
        help='print one JSON document and nothing else')


def run(args: argparse.Namespace) -> int:
    """List plugins and repairs; says by its exit code if one is broken."""
    with contextlib.redirect_stdout(sys.stderr):
        found = _found()
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        _print(found)
    broken = any(plugin['status'] == 'broken' for plugin in found['plugins'])
    failed = any(
        repair['status'].startswith('failed') for repair in found['repairs'])
    return int(broken or failed)


def _found() -> dict[str, list[dict[str, Any]]]:
    from mmgancomp import plugins, repairs
    from mmgancomp.errors import MMGanCompError
    with warnings.catch_warnings():
        # A broken plugin is a row of the table, with its error.
        warnings.simplefilter('ignore')
        listed = plugins.listing()
    repairs.install()
    for repair in repairs.repairs():
        if repair.status.startswith('waiting'):
            # Only where the module is there does a repair show that it fits.
            with contextlib.suppress(ImportError, MMGanCompError):
                importlib.import_module(repair.module)
    return dict(
        plugins=[
            dict(
                name=info.name,
                origin=info.origin,
                hooks=list(info.hooks),
                status=info.status,
                error=info.error) for info in listed
        ],
        repairs=[
            dict(
                name=repair.name,
                status=repair.status,
                fault=repair.fault,
                upstream=repair.upstream,
                module=repair.module,
                versions=list(repair.versions),
                note=repair.note) for repair in repairs.repairs()
        ])


def _print(found: dict[str, list[dict[str, Any]]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(box=box.SIMPLE_HEAD, title='Plugins', title_justify='left')
    for head in ('name', 'status', 'origin', 'hooks'):
        table.add_column(head, overflow='fold')
    for plugin in found['plugins']:
        hooks = ', '.join(plugin['hooks']) or plugin['error']
        table.add_row(plugin['name'], _marked(plugin['status']),
                      plugin['origin'], hooks)
    console.print(table)
    table = Table(
        box=box.SIMPLE_HEAD,
        title='Repairs of MMagic and MMEngine',
        title_justify='left')
    for head in ('name', 'status', 'what goes wrong without it', 'upstream'):
        table.add_column(head, overflow='fold')
    for repair in found['repairs']:
        table.add_row(repair['name'], _marked(repair['status']),
                      repair['fault'], repair['upstream'])
    console.print(table)
    console.print(
        'Leave plugins out with MMGANCOMP_BLOCK_PLUGINS=NAME,…; repairs with '
        'MMGANCOMP_NO_REPAIRS=NAME,… or all.',
        style='dim',
        highlight=False)


def _marked(status: str) -> str:
    from rich.markup import escape
    good = status in ('loaded', 'applied')
    bad = status == 'broken' or status.startswith('failed')
    colour = 'green' if good else 'red' if bad else 'yellow'
    return f'[{colour}]{escape(status)}[/]'

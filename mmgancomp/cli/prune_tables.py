"""What ``mmgancomp prune`` did, for people."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mmgancomp.channels.remove import TOLERANCE

__all__ = ['print_pruned']


def print_pruned(found: dict[str, Any]) -> None:
    """Print the document of ``mmgancomp prune`` on stdout."""
    console = Console()
    if not console.is_terminal:
        # A pipe has no width: let a row be as long as it needs.
        console = Console(width=200)
    for name, network in found['networks'].items():
        table = Table(box=SIMPLE_HEAD, title=name, title_justify='left')
        table.add_column('channel group', overflow='fold')
        for head in ('channels', 'kept'):
            table.add_column(head, justify='right')
        for group, counts in network['groups'].items():
            table.add_row(group, str(counts['channels']),
                          str(counts['kept']))
        console.print(table)
        if 'probed' in network:
            console.print(
                '  no family declares these groups: they were found by '
                'running the network, and\n  each was removed once for a '
                'trial', highlight=False)
            for group, why in network['probed']['left_out'].items():
                console.print(f'  not {group}: {why}', highlight=False)
        for what, key in (('parameters', 'params'), ('MACs', 'macs')):
            was, now = network[f'{key}_before'], network[key]
            console.print(
                f'  {was:,} → {now:,} {what} ({now / was:.1%})',
                highlight=False)
        console.print(
            '  killing these channels changed the output by '
            f'{network["difference_killed"]:.1%} of its largest value, '
            'before any training;\n  removing them then changed it by '
            f'{network["difference_removed"]:.1e} (rounding; more than '
            f'{TOLERANCE:g} would be refused)\n',
            highlight=False)
    console.print(f'{found["plan"]} and {found["checkpoint"]} are written. '
                  'A config that trains them on:\n', highlight=False)
    for line in found['config_lines']:
        # As it is: to be copied, not to be wrapped or coloured.
        print(line)

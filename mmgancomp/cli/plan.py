"""``mmgancomp plan CONFIG``: what a run will do, without training."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import warnings
from typing import TYPE_CHECKING, Any

from mmgancomp.cli.common import add_config_options, load_config

if TYPE_CHECKING:
    from mmgancomp.families import Family

DESCRIPTION = (
    'Build the model of a config on the CPU, check every setting of ours, '
    'and show what will be pruned, when, and how small it gets. Finds every '
    'wrong setting that training would find, in seconds and without data.')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument('config', help='config file, or package::path')
    parser.add_argument(
        '--layers', action='store_true', help='show each layer')
    parser.add_argument(
        '--json', action='store_true', help='print JSON and nothing else')
    add_config_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the plan; a wrong setting is an error."""
    from mmengine.logging import MMLogger
    # What libraries and the config itself say is no part of the answer.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        config = load_config(args.config, args.cfg_options)
        MMLogger.get_instance('mmgancomp plan').setLevel('ERROR')
        document = plan(config)
    if args.json:
        print(json.dumps(document, indent=1))
    else:
        _show(document, args.config, args.layers)
    return 0


def plan(config: Any) -> dict[str, Any]:
    """What a config will do, as plain values.

    Args:
        config: An MMEngine config.

    Raises:
        ConfigError: The first wrong setting.
    """
    from mmengine.registry import DefaultScope
    scope = config.get('default_scope') or 'mmagic'
    with DefaultScope.overwrite_default_scope(scope):
        return _plan(config)


def _plan(config: Any) -> dict[str, Any]:
    from mmgancomp.runtime.building import build_model
    from mmgancomp.runtime.entries import check_entries
    from mmgancomp.runtime.planning import (
        context_of,
        load_weights,
        prepare_hooks,
        prepare_loop,
    )
    from mmgancomp.runtime.structure import recorded
    check_entries(config)
    context = context_of(config, build_model(config))
    load_weights(config, context)
    family = context.family
    own = {
        name: _cost(family, network.module)
        for name, network in context.networks.items()
    }
    stock = _stock_costs(config, family, own)
    hooks = prepare_hooks(config, context)
    loop = prepare_loop(config, context, hooks)
    mechanisms = [row for hook in hooks for row in hook.describe()]
    if loop is not None:
        mechanisms += loop.describe()
    for row in mechanisms:
        if 'ticks' in row:
            optimizer = context.networks[row['network']].optimizer
            row['iterations'] = [
                context.iteration_of(optimizer, tick) for tick in row['ticks']
            ]
    return {
        'schema': 1,
        'family': context.family.name,
        'iterations': context.iterations,
        'networks': {
            name: {
                'role': network.role,
                'updates': context.updates(network.optimizer),
                'ema': network.ema is not None,
                'params_before': stock[name]['params'],
                'params': own[name]['params'],
                'nonzero_after': own[name]['params'] - sum(
                    row['maskable'] - row['kept'] for row in mechanisms
                    if row.get('network') == name and
                    row.get('kept') is not None),
                'macs_before': stock[name]['macs'],
                # Zeros are multiplied like any other number.
                'macs_after': own[name]['macs'],
                **recorded(network)
            }
            for name, network in context.networks.items()
        },
        'mechanisms': mechanisms
    }


def _cost(family: Family, module: Any) -> dict[str, int]:
    import torch

    from mmgancomp.families.macs import macs
    from mmgancomp.runtime.record import count_parameters
    args, kwargs = family.example_call(module, 1,
                                       torch.Generator().manual_seed(0))
    return {
        **count_parameters(module), 'macs': macs(module, args, kwargs)[0]
    }


def _stock_costs(config: Any, family: Family,
                 own: dict[str, Any]) -> dict[str, Any]:
    """What the networks cost in the stock config, before we built any."""
    from mmgancomp.channels.gated import KINDS
    from mmgancomp.channels.slimmed import without_slimming
    from mmgancomp.runtime.building import build_model
    plain, changed = without_slimming(config.model, KINDS)
    if not changed:
        return own
    stock = config.copy()
    stock.model = plain
    return {
        name: _cost(family, network.module)
        for name, network in family.networks(build_model(stock)).items()
    }


def _show(document: dict[str, Any], name: str, layers: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    console = Console()
    console.print(
        f'[bold]{name}[/bold]: family {document["family"]}, '
        f'{document["iterations"]:,} iterations')
    table = Table(box=SIMPLE_HEAD)
    for title in ('network', 'updates', 'EMA', 'parameters', 'non-zero after',
                  'MACs'):
        table.add_column(title, no_wrap=True, overflow='fold')
    for key, network in document['networks'].items():
        table.add_row(key, f'{network["updates"]:,}',
                      'yes' if network['ema'] else 'no',
                      f'{network["params"]:,}',
                      f'{network["nonzero_after"]:,}',
                      f'{network["macs_after"] / 1e6:,.1f} M')
    console.print(table)
    for key, network in document['networks'].items():
        if 'channels' in network:
            _show_width(console, key, network)
    if any('maskable' in row for row in document['mechanisms']):
        console.print('MACs stay what they are: zeros are multiplied like '
                      'any number. Masks save\nbytes in a packed file, not '
                      'time.')
    if not document['mechanisms'] and not any(
            'channels' in n for n in document['networks'].values()):
        console.print('Nothing is compressed: the config has no entry of '
                      'type mmgancomp.….')
    for row in document['mechanisms']:
        if row['mechanism'] == 'sparsity':
            _show_masks(console, row, layers)
        elif row['mechanism'] == 'lottery':
            _show_rounds(console, row)
        elif row['mechanism'] == 'distillation':
            _show_distillation(console, row)
        elif row['mechanism'] == 'gates':
            _show_gates(console, row,
                        document['networks'][row['network']])
        elif row['mechanism'] == 'adversarial':
            console.print(f'\nAdversarial loss: {row["loss"]}, of G and D, '
                          f'in place of the {row["stock"]} of stock')
        elif row['mechanism'] == 'channel_kill':
            _show_fading(console, row)
        elif row['mechanism'] == 'search':
            _show_search(console, row)
        else:
            _show_stage(console, row)


def _show_width(console: Any, key: str, network: dict[str, Any]) -> None:
    plan = network['channels']
    how = (f'widths ÷ {plan["divisor"]}' if 'divisor' in plan else
           f'by a plan of {len(plan)} channel groups')
    console.print(f'[bold]{key}[/bold] is narrowed, {how}:')
    for what, before, after in (('params', 'params_before', 'params'),
                                ('MACs', 'macs_before', 'macs_after')):
        was, now = network[before], network[after]
        console.print(
            f'  {was:,} → {now:,} {what} ({now / was:.1%})', highlight=False)


def _show_masks(console: Any, row: dict[str, Any], layers: bool) -> None:
    from rich.table import Table
    ticks, when = row['ticks'], row['iterations']
    kept = (f'keeps {row["kept"]:,} of {row["maskable"]:,} weights '
            f'({row["kept"] / row["maskable"]:.2%})'
            if row['kept'] is not None else
            f'keeps those of {row["maskable"]:,} weights that are not zero '
            'when they are loaded')
    console.print(f'\n[bold]{row["network"]}[/bold] {kept} '
                  f'in {len(row["layers"])} layers: {row["granularity"]}, '
                  f'{row["criterion"]}, {row["allocation"]}')
    if row['kept_by_round']:
        console.print(f'  {row["schedule"]} before each round; kept after '
                      'round 1, 2, …:')
        console.print('  ' + '  '.join(f'{n:,}'
                                       for n in row['kept_by_round']))
    elif len(ticks) == 1:
        console.print(f'  {row["schedule"]} after update {ticks[0]:,} '
                      f'(iteration {when[0]:,})')
    else:
        console.print(
            f'  {row["schedule"]}: {len(ticks)} changes of masks, from '
            f'update {ticks[0]:,} (iteration {when[0]:,}) to update '
            f'{ticks[-1]:,} (iteration {when[-1]:,})')
    if layers:
        table = Table('layer', 'weights', 'kept')
        for layer in row['layers']:
            share = layer['kept']
            mark = '' if row['exact_layers'] else '≈ '
            table.add_row(layer['name'], f'{layer["params"]:,}',
                          '–' if share is None else f'{mark}{share:,}')
        console.print(table)
        if row['kept'] is not None and not row['exact_layers']:
            console.print('  ≈: all layers compete, so the shares follow '
                          'the weights; shown for those at the start')


def _show_distillation(console: Any, row: dict[str, Any]) -> None:
    from rich.markup import escape
    if 'networks' in row:
        more = ['its discriminators train'] * row['trains'] + [
            'judges in place of the discriminators'] * row['judges'] + [
            'not read yet'] * (not row['checkpoint_read'])
        console.print(f'\n[bold]{row["teacher"]}[/bold] teaches, family '
                      f'{row["family"]}, {escape(row["checkpoint"])}'
                      f'{"; " if more else ""}{"; ".join(more)}')
        for name, network in row['networks'].items():
            console.print(
                f'  {name}: {network["params"]:,} parameters; the '
                f"student's has {network['student_params']:,}")
        return
    when = f'updates {row["begin"]:,} to {row["end"]:,}'
    alone = '; the stock loss is left out' if row['replace_stock'] else ''
    console.print(f"\n{row['place']}'s loss + {row['weight']:g} · [bold]"
                  f'{row["term"]}[/bold]: {row["type"]} by {row["teacher"]}, '
                  f'{when}{alone}')
    for name, layers in row.get('layers', {}).items():
        for layer in layers:
            through = (f' (connector of {layer["connector"]:,} weights)'
                       if layer.get('connector') else '')
            console.print(f'  {name}.{layer["student"]} → '
                          f'{layer["teacher"]}{through}')


def _show_rounds(console: Any, row: dict[str, Any]) -> None:
    first = (f'the dense training of {row["dense"]}' if row['dense'] else
             f'dense training for {row["dense_iterations"]:,} iterations')
    back = ', '.join(f'{name} from {source}'
                     for name, source in row['rewind'].items())
    console.print(f'\nLottery tickets: {first}, then {row["rounds"]} rounds '
                  f'of {row["round_iterations"]:,} iterations;\n  each starts '
                  f'with {back}')


def _show_fading(console: Any, row: dict[str, Any]) -> None:
    groups = row['groups'].values()
    going = sum(group['channels'] - group['kept'] for group in groups)
    left = ', '.join(
        f'{before:,} → {after:,} {what} ({after / before:.1%})'
        for what, (before, after) in (
            (what, row[f'{key}_before_after'])
            for what, key in (('parameters', 'params'), ('MACs', 'macs'))
            if f'{key}_before_after' in row))
    console.print(
        f'\n[bold]{row["role"]}[/bold]: {going:,} of '
        f'{sum(group["channels"] for group in groups):,} channels fade out '
        f'from update {row["begin"]:,} to {row["end"]:,}; plan.json and '
        f'slim.pth\nare written at the end: {left}', highlight=False)


def _show_gates(console: Any, row: dict[str, Any],
                network: dict[str, Any]) -> None:
    first = (f'the first freezes about update {row["first_freeze"]:,} by '
             'its loss alone' if row['first_freeze'] is not None else
             'the optimizer decides when')
    console.print(
        f'\n[bold]{row["network"]}[/bold] has {row["gates"]} gates on '
        f'{row["channels"]:,} channels: each freezes when more than '
        f'{row["alpha"]:.0%} is closed\n  loss × {row["weight"]:g}, '
        f'{row["optimizer"]}; {first},\n  the last after update '
        f'{row["until"]:,}. {network["params_before"]:,} parameters in '
        f'stock,\n  {network["params"]:,} with gates and transition layers, '
        'until these and closed\n  channels are cut out at the end',
        highlight=False)


def _show_search(console: Any, row: dict[str, Any]) -> None:
    phases = ', '.join(f'{steps:,} of {name.replace("_", " ")}'
                       for name, steps in row['phases'])
    console.print(f'\nArchitecture search ({row["strategy"]}) among '
                  f'{row["space"]:,} of {" and ".join(row["searched"])}: '
                  f'{row["epochs"]} epochs,\n  each with steps: {phases}')


def _show_stage(console: Any, row: dict[str, Any]) -> None:
    weights = ', '.join(f'{k} = {v:g}' for k, v in row['weights'].items())
    reset = '; optimizers reset' if row['reset_optimizers'] else ''
    console.print(f'\nStage {row["stage"]}: generator updates '
                  f'{row["begin"]:,} to {row["end"]:,}'
                  f'{"; " + weights if weights else ""}{reset}')

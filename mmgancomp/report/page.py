"""The page, put together."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from mmgancomp import __version__, plugins

from .cells import cell_figures
from .figures import curve_figures, image_figures
from .load import Run
from .rows import Row, generators, rows_of
from .style import STYLE
from .tables import layer_tables, model_table, network_table
from .text import count_text, duration_text
from .words import SPEED, facts_in_short, has_zeros

__all__ = ['page']


def page(runs: Sequence[Run], title: str | None = None) -> str:
    """The whole document; refers to nothing outside itself.

    Args:
        runs: What :func:`~mmgancomp.report.load.load_runs` read.
        title: Its heading; defaults to the names of the configs.
    """
    rows = rows_of(list(runs))
    title = title or _title(runs)
    parts = [
        _header(title, runs, rows),
        _section('In short', _in_short(rows), 'lead'),
        _section('Models', _models(rows, runs)),
        _section('Curves', curve_figures(rows, runs)),
        _section('Cells', cell_figures(runs)),
        _section('Images', image_figures(runs)),
        *_plugin_sections(runs),
        _section('Layers', layer_tables(rows)),
        _section('How it was made',
                 ''.join(_made(run, len(runs) > 1) for run in runs)),
    ]
    return ('<!doctype html>\n<html lang="en">\n<head>\n'
            '<meta charset="utf-8">\n'
            '<meta name="viewport" '
            'content="width=device-width, initial-scale=1">\n'
            f'<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n'
            '</head>\n<body>\n<main>\n' + '\n'.join(filter(None, parts)) +
            f'\n<footer>Written by mmgancomp {escape(__version__)}. '
            'A dash means: not measured.</footer>\n'
            '</main>\n</body>\n</html>\n')


def _title(runs: Sequence[Run]) -> str:
    names = dict.fromkeys(
        Path(str(run.record.get('config') or run.name)).stem for run in runs)
    if len(names) > 3:
        return f'{len(runs)} runs compared'
    return ' · '.join(names)


def _header(title: str, runs: Sequence[Run], rows: Sequence[Row]) -> str:
    facts = [_plural(len(rows), 'model')]
    if len(runs) > 1:
        facts.append(_plural(len(runs), 'run'))
    for key, text in (('seed', 'seed {}'), ('device', 'on {}'), ('dtype',
                                                                 '{}')):
        values = {(run.record.get('run') or {}).get(key) for run in runs}
        if len(values) == 1 and None not in values:
            facts.append(text.format(values.pop()))
    seconds = [(run.record.get('run') or {}).get('wall_s') for run in runs]
    if None not in seconds:
        facts.append(duration_text(sum(seconds)))
    shown = ''.join(f'<span>{escape(fact)}</span>' for fact in facts)
    return (f'<header><h1>{escape(title)}</h1>'
            f'<p class="facts">{shown}</p></header>')


def _plural(count: int, noun: str) -> str:
    return f'{count} {noun}{"s" * (count != 1)}'


def _section(title: str, content: str, kind: str = '') -> str:
    if not content:
        return ''
    return (f'<section class="{kind}"><h2>{escape(title)}</h2>\n'
            f'{content}</section>')


def _in_short(rows: Sequence[Row]) -> str:
    items = ''.join(f'<li><strong>{escape(name)}</strong> {escape(facts)}'
                    '</li>' for name, facts in facts_in_short(rows))
    content = f'<ul>{items}</ul>' if items else ''
    if has_zeros(rows):
        head, _, rest = SPEED.partition(': ')
        content += (f'<p class="note"><strong>{escape(head)}:</strong> '
                    f'{escape(rest)}</p>')
    return content


def _models(rows: Sequence[Row], runs: Sequence[Run]) -> str:
    notes = ['Counts are those of the generator, all parameters included']
    if any(row.paper_macs is not None for row in rows):
        sources = sorted({
            source for row in rows for network in generators(
                row.model).values()
            for source in (network.get('conventions') or {}).values()
        })
        notes.append('MACs are as executed; «MACs, paper» is as counted for '
                     f'published tables ({", ".join(sources)}), to compare '
                     'with them and nothing else')
    settings = {(row.latency.get('batch'), row.latency.get('threads'))
                for row in rows if row.latency}
    if len(settings) == 1:
        batch, threads = settings.pop()
        notes.append(f'latency is the median forward at batch {batch} on '
                     f'{_plural(threads, "thread")}, below it the tenth to '
                     'ninetieth percentile')
    if len(rows) > 1:
        notes.append(f'× compares with {rows[0].name}; bars are shares of '
                     'the largest value in their column')
    content = model_table(rows)
    content += f'<p><small>{escape("; ".join(notes))}.</small></p>'
    for run in runs:
        content += _side_by_side(run)
    return content + network_table(rows)


def _side_by_side(run: Run) -> str:
    """What ``mmgancomp profile --against`` measured, where it did."""
    compared = run.record.get('comparison') or {}
    found = ''
    for name, ratio in (compared.get('latency_ratio') or {}).items():
        text = (f'Timed in turn, {name} of {compared.get("of")} takes '
                f'{ratio["median"]:.3f} × the time of '
                f'{compared.get("against")} (tenth to ninetieth percentile '
                f'{ratio["p10"]:.3f}–{ratio["p90"]:.3f}).')
        found += f'<p><small>{escape(text)}</small></p>'
    return found


def _plugin_sections(runs: Sequence[Run]) -> list[str]:
    hook = plugins.manager().hook
    return [
        f'<section>{section}</section>' for run in runs
        for sections in hook.mmgancomp_report_sections(record=run.record)
        for section in sections
    ]


def _made(run: Run, several: bool) -> str:
    about = run.record.get('run') or {}
    facts = [('config', run.record.get('config')), ('seed', about.get('seed')),
             ('updates', _updates(about.get('updates'))),
             ('device', about.get('device')), ('numbers',
                                               about.get('dtype'))]
    if about.get('wall_s') is not None:
        facts.append(('time', duration_text(about['wall_s'])))
    versions = about.get('versions') or {}
    facts.append(
        ('versions',
         ', '.join(f'{name} {number}' for name, number in versions.items())))
    facts += [(f'checkpoint of {model["name"]}', model.get('checkpoint'))
              for model in run.record['models']]
    facts.append(('record', run.path))
    shown = ''.join(f'<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>'
                    for name, value in facts if value not in (None, ''))
    head = f'<h3>{escape(run.name)}</h3>' if several else ''
    return f'{head}<dl>{shown}</dl>'


def _updates(updates) -> str | None:
    if not isinstance(updates, dict) or not updates:
        return None
    return ', '.join(f'{count_text(count)} of {name}'
                     for name, count in updates.items())

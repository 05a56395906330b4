"""Finished runs as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmgancomp.errors import MMGanCompError
from mmgancomp.files import write_whole

__all__ = ['write_report']


def write_report(runs: Sequence[str | Path],
                 out: str | Path | None = None,
                 title: str | None = None) -> Path:
    """Write a page about one run, or several compared.

    Args:
        runs: Work folders, or ``compression.json`` files. Every ``*.png``
            beside a record goes into the page.
        out: The page. Defaults to ``report.html`` beside the first record.
        title: Its heading. Defaults to the names of the configs.

    Returns:
        The page's path. It is written whole or not at all.

    Raises:
        MMGanCompError: A record is missing or wrong; names file and key.
    """
    from .load import load_runs
    from .page import page
    loaded = load_runs(runs)
    path = Path(out) if out else loaded[0].path.parent / 'report.html'
    if path.is_dir():
        path = path / 'report.html'
    try:
        content = page(loaded, title)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The layout was checked; this is a value of a wrong kind in it.
        files = ', '.join(str(run.path) for run in loaded)
        raise MMGanCompError(
            f'{files}: a value cannot be shown ({error}); was the file '
            'edited?') from error
    try:
        write_whole(path, content)
    except OSError as error:
        raise MMGanCompError(
            f'--out = {str(path)!r}: cannot be written ({error})') from error
    return path

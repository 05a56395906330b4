"""Which rows of the demo are finished, and whether they can be reused.

Every row has a folder, and in it ``step.json``, written whole: before the
row is begun and again when it is finished. What a row was made from (seed,
settings, versions, the dense model) stands in it. A row counts as finished
only if all of that is as it is now and its checkpoint has the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgancomp.errors import MMGanCompError
from mmgancomp.files import read_json, write_whole

__all__ = ['Entry', 'Ledger', 'file_digest', 'settings_digest']

_FILE = 'step.json'
_BEGUN, _FINISHED = 'begun', 'finished'


@dataclass(frozen=True)
class Entry:
    """What the ledger says of one row.

    Attributes:
        state: ``'finished'``; ``'begun'`` and can be gone on with; or
            ``'absent'``: has to be made anew.
        results: What was noted when it was finished, else empty.
        why: Why something that is there cannot be used; else empty.
    """

    state: str
    results: Mapping[str, Any]
    why: str = ''


class Ledger:
    """The rows of one output folder.

    Args:
        folder: The output folder of the demo.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def look(self, name: str, made_from: Mapping[str, Any]) -> Entry:
        """What is there of a row.

        Args:
            name: The row's.
            made_from: What it would be made from now: plain values.
        """
        found = self._read(name)
        if found is None:
            return Entry('absent', {})
        changed = _changed(found['made_from'], made_from)
        if changed:
            return Entry('absent', {}, changed)
        if found['state'] == _BEGUN:
            return Entry('begun', {})
        results = found['results']
        path = self.folder / results['checkpoint']
        if not path.is_file():
            return Entry('absent', {}, f'{results["checkpoint"]} is gone')
        if file_digest(path) != results['sha256']:
            return Entry('absent', {},
                         f'{results["checkpoint"]} has been changed')
        return Entry('finished', results)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = read_json(self.folder / name / _FILE)
            results = found['results']
            known = (found['state'] in (_BEGUN, _FINISHED)
                     and isinstance(found['made_from'], dict)
                     and (found['state'] == _BEGUN
                          or {'checkpoint', 'sha256'} <= set(results)))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if known else None

    def begin(self, name: str, made_from: Mapping[str, Any],
              keep: bool) -> Path:
        """Note that a row is being made; gives its folder.

        Args:
            name: The row's.
            made_from: As in :meth:`look`.
            keep: Whether to go on with what is there; otherwise the folder
                is emptied.

        Raises:
            MMGanCompError: If the folder is somebody else's.
        """
        folder = self.folder / name
        if not keep:
            self.forget(name)
            self._check_free(folder)
        self._write(name, _BEGUN, made_from, {})
        return folder

    def _check_free(self, folder: Path) -> None:
        """Refuse to work in a folder that somebody else has filled."""
        if folder.exists() and (not folder.is_dir() or any(
                not path.name.startswith(f'.{_FILE}')
                for path in folder.iterdir())):
            raise MMGanCompError(
                f'{folder} is there already, and was not made by the demo: '
                'move it away, or choose another folder with --out')

    def finish(self, name: str, made_from: Mapping[str, Any],
               results: Mapping[str, Any]) -> dict[str, Any]:
        """Note the results of a row, which makes it finished.

        Args:
            name: The row's.
            made_from: As in :meth:`look`.
            results: Plain values; ``checkpoint`` is relative to the output
                folder.
        """
        path = self.folder / results['checkpoint']
        whole = {**results, 'sha256': file_digest(path)}
        self._write(name, _FINISHED, made_from, whole)
        return whole

    def _write(self, name: str, state: str, made_from: Mapping[str, Any],
               results: Mapping[str, Any]) -> None:
        document = dict(
            state=state, made_from=dict(made_from), results=dict(results))
        write_whole(self.folder / name / _FILE,
                    json.dumps(document, indent=1, allow_nan=False) + '\n')

    def forget(self, name: str) -> None:
        """Remove a row's folder, if it is one."""
        folder = self.folder / name
        # The mark goes last: a removal that is killed can be repeated.
        if not (folder / _FILE).is_file():
            return
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != _FILE:
                path.unlink()
        (folder / _FILE).unlink()
        folder.rmdir()


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs, in words, or nothing."""
    for key in {**was, **now}:
        old, new = was.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            return _changed(old, new)
        shown = isinstance(new, int) or len(str(new)) < 20
        return (f'made with {key} {old}, now it is {new}'
                if shown and old is not None else f'made with another {key}')
    return ''


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def settings_digest(settings: Mapping[str, Any]) -> str:
    """A digest of nested settings, in hex; the order of keys is nothing."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

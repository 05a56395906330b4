"""Checkpoint files that are there, whole, whenever a run is killed."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import torch
import wrapt

from mmgancomp.files import write_whole

from .reading import CheckpointError
from .repair import replace_function

__all__ = [
    'keep_until_saved', 'latest_that_exists', 'whole_checkpoints',
    'whole_last_checkpoint'
]

_LOCAL = ('local', 'disk')


def whole_checkpoints(module: ModuleType) -> None:
    """Write local checkpoints aside and rename them."""
    signature = inspect.signature(module.save_checkpoint)

    def repaired(wrapped, instance, args, kwargs):
        given = signature.bind(*args, **kwargs).arguments
        filename = os.fspath(given['filename'])
        options = given.get('file_client_args') or given.get(
            'backend_args') or {}
        if '://' in filename or options.get('backend', 'local') not in _LOCAL:
            return wrapped(*args, **kwargs)
        buffer = io.BytesIO()
        torch.save(given['checkpoint'], buffer)
        # Through links: what they point to is replaced, not the link.
        write_whole(os.path.realpath(filename), buffer.getbuffer())
        return None

    replace_function(module, 'save_checkpoint', repaired)


def latest_that_exists(module: ModuleType) -> None:
    """Say what is wrong with a ``last_checkpoint`` that leads nowhere."""

    def repaired(wrapped, instance, args, kwargs):
        found = wrapped(*args, **kwargs)
        if found is None or '://' in found or (found
                                               and os.path.exists(found)):
            return found
        folder = Path(args[0] if args else kwargs['path'])
        there = sorted(path.name for path in folder.glob('*.pth'))
        wrong = (f'names {found}, which does not exist'
                 if found else 'is empty')
        raise CheckpointError(
            f'{folder / "last_checkpoint"} {wrong}: write the path of a '
            'checkpoint into it, or give one as load_from; in this folder: '
            f'{", ".join(there) or "no checkpoint"}')

    replace_function(module, 'find_latest_checkpoint', repaired)


def whole_last_checkpoint(module: ModuleType) -> None:
    """Write ``last_checkpoint``, the only file the hook opens, whole."""
    module.open = _open_whole


@contextlib.contextmanager
def _open_whole(path: str, mode: str = 'r', **kwargs: Any) -> Iterator[IO]:
    if mode != 'w':
        with builtins.open(path, mode, **kwargs) as file:
            yield file
        return
    text = io.StringIO()
    yield text
    write_whole(path, text.getvalue())


class _Postponed:
    """A file backend that removes only what it is told to, later."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._due: list[tuple[str, str, tuple | None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self._due.append(('remove', path, _identity(path)))

    def rmtree(self, path: str) -> None:
        self._due.append(('rmtree', path, _identity(path)))

    def carry_out(self) -> None:
        for method, path, identity in self._due:
            # A file that was written anew under the same name stays.
            if _identity(path) == identity is not None:
                getattr(self._backend, method)(path)


def _identity(path: str) -> tuple | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def keep_until_saved(module: ModuleType) -> None:
    """Remove checkpoints that are out of date after saving, not before."""
    from mmengine.fileio import LocalBackend

    def repaired(wrapped, instance, args, kwargs):
        backend = instance.file_backend
        if not isinstance(backend, (LocalBackend, _Postponed)):
            return wrapped(*args, **kwargs)
        instance.file_backend = postponed = _Postponed(backend)
        try:
            result = wrapped(*args, **kwargs)
        finally:
            instance.file_backend = backend
        postponed.carry_out()
        return result

    for method in ('_save_checkpoint_with_step', '_save_best_checkpoint'):
        wrapt.wrap_function_wrapper(module, f'CheckpointHook.{method}',
                                    repaired)

"""Checkpoints of others, read without running anything in them."""

from __future__ import annotations

import os
import pickle
import zipfile
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

import torch
import wrapt

from mmgancomp.errors import MMGanCompError

from .repair import replace_function
from .unpickler import RefusedGlobal, restricted

__all__ = [
    'CheckpointError', 'inert_config', 'read_checkpoint', 'safe_loading'
]


class CheckpointError(MMGanCompError, RuntimeError):
    """A checkpoint file that is damaged, missing, or not to be trusted."""


def read_checkpoint(path: str | os.PathLike, map_location: Any = None) -> Any:
    """Read a file written by ``torch.save``, safely.

    Plain weights go through torch's weights-only reader; a training
    checkpoint of MMEngine, whose log history is more than that, through a
    reader that knows the few globals it consists of.

    Args:
        path: A local file.
        map_location: As in ``torch.load``.

    Raises:
        CheckpointError: The file cannot be opened, is damaged, would unpack
            to more than it is, or asks for a global that is neither weights
            nor log history. Nothing of it has run.
        FileNotFoundError: There is no such file.
    """
    try:
        _check_size(path)
        return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError:
        pass  # more than weights, or not a checkpoint: seen below
    except (FileNotFoundError, CheckpointError):
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    try:
        return torch.load(
            path,
            map_location=map_location,
            weights_only=False,
            pickle_module=restricted())
    except RefusedGlobal as error:
        raise CheckpointError(
            f'{path}: refused, because it asks for {error}, which neither '
            'weights nor a log history need; nothing in the file was run. '
            'If you trust its source, save its state_dict alone into a new '
            'file and load that') from None
    except Exception as error:
        raise _damaged(path, error) from error


def _check_size(path: str | os.PathLike) -> None:
    """Refuse what would fill the memory: ``torch.save`` compresses nothing.

    Raises:
        CheckpointError: The file would unpack to more than it is.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    size = os.path.getsize(path)
    if unpacked > size:
        raise CheckpointError(
            f'{path}: refused, because it would unpack from {size} bytes to '
            f'{unpacked}; a checkpoint is not compressed. If you trust its '
            'source, unpack it, and zip it again without compression')


def _damaged(path: Any, error: Exception) -> CheckpointError:
    if isinstance(error, OSError) and error.filename is not None:
        return CheckpointError(
            f'{path}: cannot be opened: {error.strerror}')
    reason = str(error).strip().splitlines()
    return CheckpointError(
        f'{path}: cannot be read as a checkpoint; it is truncated, damaged '
        f'or another kind of file ({type(error).__name__}'
        f'{": " + reason[0] if reason else ""})')


def safe_loading(module: ModuleType) -> None:
    """Read local files and downloads by :func:`read_checkpoint`."""

    def from_local(wrapped, instance, args, kwargs):
        given = dict(zip(('filename', 'map_location'), args), **kwargs)
        path = os.path.expanduser(given['filename'])
        if not os.path.isfile(path):
            raise FileNotFoundError(f'{path} can not be found.')
        return read_checkpoint(path, given.get('map_location'))

    def from_url(wrapped, instance, args, kwargs):
        given = dict(zip(('url', 'model_dir', 'map_location'), args), **kwargs)
        path = _downloaded(given['url'], given.get('model_dir'),
                           given.get('progress', True))
        if _is_archive_of_one(path):  # torch unpacks these by itself
            return wrapped(*args, **kwargs, weights_only=True)
        return read_checkpoint(path, given.get('map_location'))

    loader = replace_function(module, 'load_from_local', from_local)
    module.CheckpointLoader.register_scheme('', loader, force=True)
    # Only this module's name: elsewhere load_url is the user's own business.
    module.load_url = wrapt.FunctionWrapper(module.load_url, from_url)


def inert_config(module: ModuleType) -> None:
    """Resume without running the config that a checkpoint quotes.

    ``Runner.resume`` would read a number of GPUs from it that only configs
    of MMCV's time had, and to read a config is to run it.
    """

    def load(wrapped, instance, args, kwargs):
        checkpoint = wrapped(*args, **kwargs)
        meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
        if isinstance(meta, dict):
            meta.pop('config', None)
        return checkpoint

    wrapt.wrap_function_wrapper(module, 'Runner.load_checkpoint', load)


def _downloaded(url: str, folder: str | None, progress: bool) -> str:
    """Where torch caches a download, after making sure that it is there."""
    folder = folder or os.path.join(torch.hub.get_dir(), 'checkpoints')
    path = os.path.join(folder, os.path.basename(urlparse(url).path))
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        torch.hub.download_url_to_file(url, path, progress=progress)
    return path


def _is_archive_of_one(path: str) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return len(archive.infolist()) == 1

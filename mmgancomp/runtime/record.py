"""``compression.json``: what a run leaves for reports and scripts.

The layout is version 1 of the schema described in ``docs/record.md``. A
quantity that was not measured is absent, never zero. Readers ignore keys
that they do not know.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch import nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.files import read_json, write_whole

__all__ = [
    'FILE_NAME', 'SCHEMA', 'count_parameters', 'read_record', 'versions',
    'write_record'
]

SCHEMA = 1
FILE_NAME = 'compression.json'


def write_record(path: str | Path, record: dict[str, Any]) -> None:
    """Write a record, whole or not at all.

    Args:
        path: The file, or the folder it goes into.
        record: The document; ``schema`` is filled in.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    document = {'schema': SCHEMA, **record}
    write_whole(path, json.dumps(document, indent=1, allow_nan=False) + '\n')


def read_record(path: str | Path) -> dict[str, Any]:
    """Read a record.

    Args:
        path: The file, or the folder it lies in.

    Raises:
        MMGanCompError: If it is missing, damaged or of another schema.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    try:
        record = read_json(path)
    except FileNotFoundError:
        raise MMGanCompError(
            f'{path}: no such file; a run of this package writes it to its '
            'work folder') from None
    except OSError as error:
        raise MMGanCompError(
            f'{path} cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise MMGanCompError(f'{path} is not valid JSON: {error}') from error
    found = record.get('schema') if isinstance(record, dict) else None
    if type(found) is not int or found != SCHEMA:
        raise MMGanCompError(
            f'{path}: schema = {found!r}, this release reads {SCHEMA}')
    if not isinstance(record.get('models'), list):
        raise MMGanCompError(f'{path}: models must be a list')
    return record


def versions() -> dict[str, str]:
    """Versions of what produced a record."""
    found = {'python': platform.python_version()}
    for name in ('mmgancomp', 'mmagic', 'mmengine', 'mmcv', 'torch'):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def count_parameters(network: nn.Module) -> dict[str, int]:
    """All parameters and those that are not zero; buffers don't count."""
    parameters = list(network.parameters())
    return {
        'params': sum(p.numel() for p in parameters),
        'nonzero': sum(int(p.detach().count_nonzero()) for p in parameters)
    }

"""Files that are written whole or not at all, and read with suspicion."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ['read_json', 'write_whole']


def read_json(path: str | Path) -> Any:
    """Read a JSON file, whoever wrote it.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is no JSON.
    """
    try:
        document = json.loads(Path(path).read_text(encoding='utf-8'))
        # Half of a surrogate pair can be read, but not be written again.
        json.dumps(document, ensure_ascii=False).encode()
        return document
    except RecursionError:
        raise ValueError('nested too deeply') from None


def write_whole(path: str | Path, content: bytes | str) -> None:
    """Write a file so that a reader never sees half of it.

    The content goes to a temporary file in the same folder, reaches the
    disk, and takes the file's name in one step.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    handle, temporary = tempfile.mkstemp(
        prefix=f'.{path.name}.', dir=path.parent)
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

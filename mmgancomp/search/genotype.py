"""An architecture as data, and the space it is chosen from."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgancomp.errors import ConfigError, closest
from mmgancomp.files import read_json

__all__ = ['PUBLISHED', 'SCHEMA', 'Genotype', 'Space', 'read_document']

SCHEMA = 1
"""Version of the layout of genotype files."""

Cell = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Genotype:
    """The operation of each edge of a network's cells.

    Attributes:
        cells: Per cell, kind of edge → operations in order. A generator's
            cell has two ``up`` edges, three ``normal`` ones and a ``skip``
            from each cell before it.
    """

    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, cells: Any, key: str) -> Genotype:
        """Read the list of cells that a JSON file or a config holds.

        Raises:
            ConfigError: If it is no such list.
        """
        right = isinstance(cells, (list, tuple)) and cells and all(
            isinstance(cell, Mapping) and all(
                isinstance(names, (list, tuple))
                and all(isinstance(name, str) for name in names)
                for names in cell.values()) for cell in cells)
        if not right:
            raise ConfigError.at(
                key, cells, 'write one dict per cell, such as '
                "dict(up=['deconv', 'nearest'], normal=['conv_1x1', "
                "'conv_3x3', 'conv_1x1'], skip=[])")
        return cls(tuple(
            {kind: tuple(names) for kind, names in cell.items()}
            for cell in cells))

    def plain(self) -> list[dict[str, list[str]]]:
        """As JSON holds it."""
        return [{kind: list(names) for kind, names in cell.items()}
                for cell in self.cells]

    def digest(self) -> str:
        """Fingerprint, equal for equal architectures."""
        text = json.dumps(self.plain(), sort_keys=True).encode()
        return hashlib.blake2b(text, digest_size=8).hexdigest()

    def __str__(self) -> str:
        return '; '.join(
            ', '.join(f'{kind} {" ".join(names)}'
                      for kind, names in cell.items() if names)
            for cell in self.cells)


@dataclass(frozen=True)
class Space:
    """What each edge of a network may become.

    Attributes:
        cells: Per cell, kind of edge → candidates of each edge, in order.
    """

    cells: tuple[dict[str, tuple[tuple[str, ...], ...]], ...]

    @property
    def size(self) -> int:
        """Number of architectures."""
        return math.prod(len(candidates) for cell in self.cells
                         for edges in cell.values() for candidates in edges)

    def draw(self, source: random.Random) -> Genotype:
        """An architecture, all equally likely."""
        return Genotype(tuple(
            {kind: tuple(source.choice(candidates) for candidates in edges)
             for kind, edges in cell.items()} for cell in self.cells))


def _cell(up: str, normal: str, skip: str = '') -> Cell:
    return {'up': tuple(up.split()), 'normal': tuple(normal.split()),
            'skip': tuple(skip.split())}


PUBLISHED = {
    'alphagan_s':
    Genotype((
        _cell('bilinear deconv', 'conv_1x1 sep_conv_3x3 conv_1x1'),
        _cell('deconv deconv', 'sep_conv_5x5 sep_conv_3x3 sep_conv_3x3',
              'nearest'),
        _cell('deconv nearest', 'sep_conv_5x5 sep_conv_3x3 sep_conv_3x3',
              'deconv bilinear'))),
    'alphagan_l':
    Genotype((
        _cell('deconv bilinear', 'conv_5x5 conv_5x5 sep_conv_5x5'),
        _cell('deconv bilinear', 'conv_5x5 conv_1x1 conv_3x3', 'nearest'),
        _cell('nearest bilinear', 'conv_1x1 conv_5x5 sep_conv_3x3',
              'bilinear nearest'))),
}
"""The generators that the authors found on CIFAR-10."""


def read_document(path: str | Path, key: str) -> dict[str, Any]:
    """Read a genotype file.

    Args:
        path: The file; what a search writes.
        key: The config key, for the error.

    Raises:
        ConfigError: If it is missing, or no such file.
    """
    try:
        document = read_json(Path(path).expanduser())
    except FileNotFoundError:
        raise ConfigError.at(
            key, str(path), 'there is no such file, nor a published '
            'architecture of that name; '
            + closest(str(path), PUBLISHED)) from None
    except (OSError, ValueError) as error:
        raise ConfigError.at(
            key, str(path), f'is no genotype file ({error})') from error
    schema = document.get('schema') if isinstance(document, dict) else None
    if type(schema) is not int or schema != SCHEMA:
        raise ConfigError.at(
            key, str(path), f'is no genotype file of schema {SCHEMA}; name '
            "the genotype.json of a search's work folder")
    return document


def content_key(key: str, spec: Any) -> str:
    """What an architecture is called in errors: with its file, if any.

    Args:
        key: The config key.
        spec: What stands there.
    """
    named = isinstance(spec, (str, Path)) and str(spec) not in PUBLISHED
    return f'{key} ({spec})' if named else key


def by_name(spec: Any, key: str, role: str = 'generator') -> Genotype:
    """A genotype from whatever a config says.

    Args:
        spec: A published name, a file, or the list of cells itself.
        key: The config key, for errors.
        role: Which entry of a file.

    Raises:
        ConfigError: If it is none of these.
    """
    if isinstance(spec, Genotype):
        return spec
    if isinstance(spec, (str, Path)):
        if str(spec) in PUBLISHED:
            return PUBLISHED[str(spec)]
        document = read_document(spec, key)
        if role not in document:
            raise ConfigError.at(key, str(spec),
                                 f'holds no architecture of a {role}')
        return Genotype.of(document[role], f'{content_key(key, spec)}: {role}')
    return Genotype.of(spec, key)


def kinds_agree(genotype: Genotype, kinds: Sequence[Mapping[str, int]],
                key: str) -> None:
    """Check that every cell has the edges that its place asks for.

    Raises:
        ConfigError: With the cell and what it should have.
    """
    for number, (cell, wanted) in enumerate(
            zip(genotype.cells, kinds, strict=True), 1):
        found = {kind: len(names) for kind, names in cell.items() if names}
        right = {kind: count for kind, count in wanted.items() if count}
        if found != right:
            raise ConfigError.at(
                key, genotype.plain(), f'cell {number} must have '
                + ', '.join(f'{n} {kind}' for kind, n in right.items())
                + ' edges')

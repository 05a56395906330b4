"""The house stands: imports go one way, rooms keep to what is theirs."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'mmgancomp'
FILES = sorted(
    path for path in (ROOT / PACKAGE).rglob('*.py')
    if '.mim' not in path.parts)

# A room may import from rooms further down, never from its own level.
LEVELS = [
    ['cli'],
    ['demo'],
    ['export'],
    ['report', 'evaluation', 'datasets'],
    ['sparsity', 'channels', 'distillation', 'search'],
    ['runtime'],
    ['families', 'repairs'],
    ['registry'],
    ['plugins'],
    ['hookspecs', 'images'],
    ['errors', 'files', 'requirements', 'version'],
]
LEVEL = {room: -i for i, rooms in enumerate(LEVELS) for room in rooms}
# The top package: its version, and `hookimpl` on demand.
LEVEL['__init__'] = LEVEL['errors'] - 1

EXCEPTIONS = {
    ('registry', 'repairs'):
    'importing the registry is what mends MMagic, whichever script runs',
    ('__init__', 'plugins'):
    'mmgancomp.hookimpl is found there when somebody asks for it',
    ('__init__', 'requirements'):
    'versions are checked when the package is imported',
    ('__init__', 'version'):
    'mmgancomp.__version__',
}


def name_of(path: Path) -> str:
    """A source file, as messages name it."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> list[str]:
    """Dotted name of a file's module, in parts."""
    parts = list(path.relative_to(ROOT).with_suffix('').parts)
    return parts[:-1] if parts[-1] == '__init__' else parts


def room_of(parts: list[str]) -> str:
    """Which room a module of ours is in."""
    return parts[1] if len(parts) > 1 else '__init__'


def for_typing_only(tree: ast.Module) -> set[ast.AST]:
    """Nodes under ``if TYPE_CHECKING``: they are never imported."""
    return {
        inner
        for node in ast.walk(tree) if isinstance(node, ast.If)
        and ast.unparse(node.test) == 'TYPE_CHECKING'
        for statement in node.body for inner in ast.walk(statement)
    }


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a file imports from, at any time, its own left out."""
    tree = ast.parse(path.read_text())
    own = module_of(path)
    package = own if path.name == '__init__.py' else own[:-1]
    skipped, found = for_typing_only(tree), set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split('.')) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module.split('.') if node.module else []
            if node.level:
                base = package[:len(package) - node.level + 1] + base
            names = [alias.name for alias in node.names]
            found |= {(*base, name) for name in names}
    rooms = {
        room_of(list(parts)) if len(parts) > 1 and parts[1] in LEVEL else
        '__init__' for parts in found if parts[0] == PACKAGE
    }
    return rooms - {room_of(own)}


def test_every_room_has_its_level():
    rooms = {room_of(module_of(path)) for path in FILES}
    assert rooms <= set(LEVEL)


def test_imports_go_one_way():
    upward = [
        f'{name_of(path)} imports {room}' for path in FILES
        for own in [room_of(module_of(path))]
        for room in sorted(imported_rooms(path))
        if LEVEL[room] >= LEVEL[own] and (own, room) not in EXCEPTIONS
    ]
    assert not upward


def test_exceptions_are_still_needed():
    edges = {(room_of(module_of(path)), room)
             for path in FILES for room in imported_rooms(path)}
    assert set(EXCEPTIONS) <= edges


@pytest.fixture(scope='module')
def stock_names() -> set[str]:
    """Classes of MMagic's models and networks, registered or not."""
    from mmagic.utils import register_all_modules
    register_all_modules(init_default_scope=False)
    names = {
        name
        for path, module in list(sys.modules.items())
        if path.startswith('mmagic.models.')
        for name, cls in list(vars(module).items())
        if isinstance(cls, type) and issubclass(cls, nn.Module)
        and cls.__module__.startswith('mmagic.models.')
        and not hasattr(nn, name)
    }
    assert {
        'BaseGAN', 'CycleGAN', 'ModulatedConv2d', 'PatchDiscriminator',
        'StyleGAN2Generator'
    } <= names
    return names


def words_of_code(path: Path) -> Iterator[tuple[int, str]]:
    """Identifiers and words of strings: neither docstrings nor comments."""
    text = path.read_text()
    prose = set()
    for node in ast.walk(ast.parse(text)):
        # A string that stands alone documents something.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            prose |= set(range(node.lineno, node.end_lineno + 1))
    kinds = {tokenize.NAME, tokenize.STRING}
    kinds |= {getattr(tokenize, 'FSTRING_MIDDLE', tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds and token.start[0] not in prose:
            for word in re.findall(r'\w+', token.string):
                yield token.start[0], word


def test_only_two_rooms_name_stock_classes(stock_names):
    found = [
        f'{name_of(path)}:{line}: {word}' for path in FILES
        if room_of(module_of(path)) not in ('families', 'repairs')
        for line, word in words_of_code(path) if word in stock_names
    ]
    assert not found


def test_families_and_repairs_do_name_them(stock_names):
    """The search finds what there is to find."""
    found = {
        room_of(module_of(path))
        for path in FILES for _, word in words_of_code(path)
        if word in stock_names
    }
    assert {'families', 'repairs'} <= found


def test_files_are_short():
    long = [
        name_of(path) for path in FILES
        if len(path.read_text().splitlines()) > 400
    ]
    assert not long


def undocumented(path: Path) -> Iterator[str]:
    """Public classes and functions of a module without a docstring."""
    tree = ast.parse(path.read_text())
    if not ast.get_docstring(tree) and path.read_text().strip():
        yield 'the module'
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        # What an implementation of a hook does, its specification says.
        marks = {ast.unparse(mark) for mark in node.decorator_list}
        if (not node.name.startswith('_') and 'hookimpl' not in marks
                and not ast.get_docstring(node)):
            yield node.name


def test_public_things_are_documented():
    bare = [
        f'{name_of(path)}: {name}' for path in FILES
        for name in undocumented(path)
    ]
    assert not bare

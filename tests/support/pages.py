"""Read what Markdown pages show: code, commands, links."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ['PAGES', 'ROOT', 'Block', 'anchors', 'blocks', 'commands', 'links']

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([
    ROOT / 'README.md', *ROOT.glob('docs/**/*.md'),
    *ROOT.glob('configs/**/*.md')
])
_FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: The page.
        line: Where its first line stands, from 1.
        language: As the fence names it.
        text: What is inside.
    """

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f'{self.page.relative_to(ROOT).as_posix()}:{self.line}'


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page in some languages, in order."""
    text = page.read_text()
    return [
        Block(page, text.count('\n', 0, found.start()) + 2, found[1], found[2])
        for found in _FENCE.finditer(text) if found[1] in languages
    ]


def commands(page: Path) -> list[list[str]]:
    """Command lines of a page, in words: its bash blocks and inline code."""
    lines = []
    for block in blocks(page, 'bash', 'sh'):
        lines += block.text.replace('\\\n', ' ').split('\n')
    prose = _FENCE.sub('', page.read_text())
    lines += [
        ' '.join(code.split()) for code in re.findall(r'`([^`]+)`', prose)
        if code.startswith(('mmgancomp ', 'make '))
    ]
    found = [shlex.split(line, comments=True) for line in lines]
    return [words for words in found if words]


def links(page: Path) -> list[str]:
    """Targets of a page's links and pictures."""
    prose = _FENCE.sub('', page.read_text())
    return re.findall(r'\]\(([^)\s]+)\)', prose)


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page give, as GitHub makes them."""
    prose = _FENCE.sub('', page.read_text())
    return {
        re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
        for heading in re.findall(r'^#+ +(.+)$', prose, re.M)
    }

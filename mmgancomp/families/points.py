"""Feature points that several kinds of networks name in the same way."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from .calls import FeaturePoint

__all__ = ['by_resolution', 'numbered']


def numbered(blocks: nn.Module,
             path: str,
             skip: Iterable[str] = (),
             norm: str | None = None,
             last: str | None = None) -> dict[str, FeaturePoint]:
    """``block1``, ``block2``, … for the children of a list of blocks.

    Args:
        blocks: The list.
        path: Its path in the network.
        skip: Class names of children that are no blocks, such as attention;
            they become ``attention``, ``attention2``, ….
        norm: Where a block keeps the norm that it begins with.
        last: The norm after the last block.
    """
    points: dict[str, FeaturePoint] = {}
    paths = [f'{path}.{index}' for index in range(len(blocks))]
    is_block = [type(block).__name__ not in skip for block in blocks]
    seen = dict.fromkeys((True, False), 0)
    for index, (where, block) in enumerate(zip(paths, is_block)):
        seen[block] += 1
        number = seen[block]
        name = f'block{number}' if block else 'attention' + (
            str(number) if number > 1 else '')
        after = next(
            (i for i in range(index + 1, len(paths)) if is_block[i]), None)
        follows = last
        if after is not None:
            follows = f'{paths[after]}.{norm}' if norm else None
        attention = (
            paths[index + 1] if block and index + 1 < len(paths)
            and not is_block[index + 1] else None)
        points[name] = FeaturePoint(where, follows, attention)
    return points


def by_resolution(points: dict[str, FeaturePoint],
                  sizes: Iterable[int]) -> dict[str, FeaturePoint]:
    """Add ``'64px'`` for the block that makes, or takes, that resolution.

    Args:
        points: Of :func:`numbered`; attention is passed over.
        sizes: Pixels per block, in order. The first block of a size has the
            name.
    """
    blocks = [p for name, p in points.items() if name.startswith('block')]
    named: dict[str, FeaturePoint] = {}
    for size, point in zip(sizes, blocks):
        named.setdefault(f'{size}px', point)
    return {**points, **named}

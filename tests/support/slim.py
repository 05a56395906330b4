"""Tiny configs whose networks are narrowed, written as users write them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

from mmengine import Config

from mmgancomp import families
from tests.support import tiny

__all__ = ['DIVISORS', 'config', 'inherit']

DIVISORS = dict.fromkeys(tiny.FAMILIES, 2) | dict(stylegan2=32)
"""StyleGAN2 is 512 wide at 16 px; the others are tiny already."""

_RUNS = itertools.count()

_PART = '''    {part}=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        network={{{{_base_.model.{part}}}}},
        {how}),
'''


def inherit(base: Config, path: Path, divisors: dict[str, Any],
            **entries: Any) -> Config:
    """A config file that narrows the networks of another one.

    Args:
        base: The config to inherit; it must have a file.
        path: The new file.
        divisors: ``'generator'``, ``'discriminator'`` → divisor, or a plan
            of channels.
        **entries: Further top-level entries.
    """
    parts = ''.join(
        _PART.format(
            part=part,
            how=f'plan={chosen!r}, part={part!r}' if isinstance(
                chosen, dict) else f'divisor={chosen!r}')
        for part, chosen in divisors.items())
    name = f'slim_{os.getpid()}_{next(_RUNS)}'
    lines = [
        f'_base_ = [{str(base.filename)!r}]', f'experiment_name = {name!r}',
        f'model = dict(\n{parts})'
    ]
    lines += [f'{key} = {value!r}' for key, value in entries.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
    return Config.fromfile(path)


def config(family: str,
           work_dir: Path,
           divisor: int | None = None,
           parts: tuple[str, ...] = ('generator', 'discriminator'),
           plan: bool = False,
           **overrides: Any) -> Config:
    """A tiny config of a family with narrowed networks.

    Args:
        family: A key of ``tiny.FAMILIES``.
        work_dir: As in ``tiny.config``.
        divisor: Of all widths; by default that of :data:`DIVISORS`.
        parts: Which of the model's configs are narrowed.
        plan: Whether by a plan that keeps every ``divisor``-th channel,
            rather than by the divisor.
        **overrides: As in ``tiny.config``.
    """
    base = tiny.config(
        family, work_dir, narrow=family != 'stylegan2', **overrides)
    divisor = DIVISORS[family] if divisor is None else divisor
    chosen = dict.fromkeys(parts, divisor)
    if plan:
        model = tiny.model(family, narrow=family != 'stylegan2')
        document = dict(
            schema=1,
            networks={
                network.role: {
                    name: list(range(0, group.width, divisor))
                    for name, group in families.channel_groups(
                        network.module).items() if not group.attention
                }
                for network in families.of(model).networks(model).values()
            })
        chosen = dict.fromkeys(parts, document)
    return inherit(base, Path(work_dir) / 'source' / f'slim_{family}.py',
                   chosen)

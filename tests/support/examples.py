"""Examples of the pages, completed with what their reader would have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmgancomp.cli.plan import plan
from tests.support import teaching, tiny
from tests.support.variants import finished_run

__all__ = ['family_of', 'planned']


def family_of(text: str) -> str:
    """The tiny config that stands for what an example inherits."""
    stock = re.search(r"'mmagic::(\w+)/", text)
    if stock is None:
        return 'sngan_proj'
    return {'styleganv2': 'stylegan2'}.get(stock[1], stock[1])


def planned(text: str, entries: Mapping[str, Any],
            folder: Path) -> dict[str, Any]:
    """The plan of an example with a tiny model of the same kind.

    Runs and teachers that the example refers to are there.

    Args:
        text: The example.
        entries: The entries of its config that are planned:
            ``default_hooks`` and whatever else.
        folder: Where files go.
    """
    family = family_of(text)
    # Enough for every default interval to end.
    config = tiny.config(family, folder, iterations=10000)
    if 'ticket=' in text:
        finished_run(config, folder / 'work_dirs' / 'NAME')
    config.merge_from_dict(dict(entries))
    teaching_hook = config.default_hooks.get('distillation')
    if teaching_hook is not None:
        teaching_hook.teacher = _teachers(teaching_hook.teacher, family,
                                          folder)
    return plan(config)


def _teachers(given: Mapping[str, Any], family: str,
              folder: Path) -> dict[str, Any]:
    """One teacher, or several by name, with files that are there."""
    if 'checkpoint' not in given:
        return {name: _teachers(options, family, folder)
                for name, options in given.items()}
    if given['checkpoint'].startswith('snapshot:'):
        return dict(given)
    real = teaching.teacher_of(family, folder, wider='config' in given)
    return {**given, **{k: real[k] for k in real if k in given}}

"""Plans of channels, drawn at random: legal ones, and ones that are not."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from mmgancomp.channels.groups import Groups

__all__ = ['examples', 'illegal', 'legal']

# A number stands for a plan: to draw each channel would take longer than to
# cut it, and the simplest plans are not the likeliest to show a fault.
_NUMBERS = st.integers(0, 2**32 - 1)


def examples(count: int) -> settings:
    """The same few examples in each run.

    Nothing is shrunk: to look for a simpler plan that fails too takes
    minutes.
    """
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck))


def legal(groups: Groups) -> st.SearchStrategy[dict[str, list[int]]]:
    """Any legal plan: also groups that are whole, or not named."""
    return _NUMBERS.map(lambda number: _legal(groups, random.Random(number)))


def _legal(groups: Groups, dice: random.Random) -> dict[str, list[int]]:
    sizes = {name: dice.randint(1, g.width) for name, g in groups.items()}
    inner = set()
    for group in groups.values():
        if group.attention:
            inner |= {group.name, group.value}
            sizes[group.value] = min(
                groups[group.value].width,
                4 * sizes[group.name] + dice.randint(0, 3))
    named = dice.sample(sorted(sizes), dice.randint(1, len(sizes)))
    return {
        name: sorted(dice.sample(range(groups[name].width), sizes[name]))
        for name in sizes if name in inner or name in named
    }


def illegal(
        groups: Groups) -> st.SearchStrategy[tuple[dict[str, Any], str]]:
    """A plan with one fault, and the name of the group that has it."""
    return _NUMBERS.map(lambda number: _illegal(groups, random.Random(number)))


def _illegal(groups: Groups,
             dice: random.Random) -> tuple[dict[str, Any], str]:
    plan: dict[str, Any] = _legal(groups, dice)
    name = dice.choice(sorted(plan))
    kept = plan[name]
    faults: list[Any] = [
        [],
        [*kept, groups[name].width + dice.randint(0, 9)],
        [-1 - dice.randint(0, 9), *kept],
        [kept[0], *kept],
        [kept[0] + .5],
        [bool(kept[0])],
        str(kept[0]),
        None,
        len(kept)
    ]
    if len(kept) > 1:
        faults.append(kept[::-1])
    kind = dice.choice(['group', 'fault', 'widths'])
    if kind == 'group':
        strange = f'{name}.x'
        return plan | {strange: kept}, strange
    if kind == 'widths' and groups[name].attention:
        # One query-key channel goes with four to seven values.
        value = groups[name].value
        return plan | {name: [0], value: [0, 1, 2]}, value
    return plan | {name: dice.choice(faults)}, name

"""Plans of channels, drawn at random: legal ones, and ones that are not."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from mmgancomp.channels.groups import Groups

__all__ = ['examples', 'illegal', 'legal']


def examples(count: int) -> settings:
    """The same few examples in each run."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        # A smaller plan that fails too would cost minutes to look for.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck))


@st.composite
def legal(draw: st.DrawFn, groups: Groups) -> dict[str, list[int]]:
    """Any legal plan: also groups that are whole, or not named."""
    sizes = {
        name: draw(st.integers(1, group.width))
        for name, group in groups.items()
    }
    for group in groups.values():
        if group.attention:
            value = groups[group.value].width
            q = sizes[group.name]
            sizes[group.value] = min(value, 4 * q + draw(st.integers(0, 3)))
    plan = {
        name:
        sorted(draw(st.permutations(range(groups[name].width)))[:size])
        for name, size in sizes.items()
    }
    inner = {
        n
        for g in groups.values() if g.attention for n in (g.name, g.value)
    }
    named = draw(st.sets(st.sampled_from(sorted(plan)), min_size=1))
    return {n: kept for n, kept in plan.items() if n in named | inner}


@st.composite
def illegal(draw: st.DrawFn, groups: Groups) -> tuple[dict[str, Any], str]:
    """A plan with one fault, and the name of the group that has it."""
    plan: dict[str, Any] = draw(legal(groups))
    name = draw(st.sampled_from(sorted(plan)))
    last, kept = groups[name].width - 1, plan[name]
    faults: list[Any] = [
        [],  # emptied
        [*kept, last + 1 + draw(st.integers(0, 9))],
        [-1 - draw(st.integers(0, 9)), *kept],
        [kept[0], *kept],  # twice
        [kept[0] + .5],
        [bool(kept[0])],
        str(kept[0]),
        None,
        len(kept)
    ]
    if len(kept) > 1:
        faults.append(kept[::-1])
    strange = f'{name}.{draw(st.sampled_from(["x", "weight", "0"]))}'
    if draw(st.booleans()) and strange not in groups:
        return plan | {strange: kept}, strange
    if groups[name].attention and draw(st.booleans()):
        # One query-key channel goes with four to seven values.
        value = groups[name].value
        return plan | {name: [0], value: [0, 1, 2]}, value
    return plan | {name: draw(st.sampled_from(faults))}, name

"""Processes of one run must never disagree about a decision."""

from __future__ import annotations

from collections.abc import Callable

from mmengine.dist import all_gather_object, get_world_size

from mmgancomp.errors import MMGanCompError

__all__ = ['check_ranks_agree']


def check_ranks_agree(what: str, fingerprint: Callable[[], str]) -> None:
    """Compare a fingerprint over all ranks; free on a single process.

    Args:
        what: What is compared, for the error.
        fingerprint: Computes this rank's value; called only when there is
            somebody to compare with.

    Raises:
        MMGanCompError: If two ranks differ, with each rank's value.
    """
    if get_world_size() == 1:
        return
    found = all_gather_object(fingerprint())
    if len(set(found)) > 1:
        values = ', '.join(f'rank {i}: {f}' for i, f in enumerate(found))
        raise MMGanCompError(
            f'the processes disagree about the {what} ({values}): their '
            'weights or gradients were not equal. Check that the model '
            'wrapper averages the gradients of this network')

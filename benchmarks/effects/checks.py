"""What a comparison claims: each check looks at the values of all rows.

Values are row → metric → one value per seed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ['Check', 'Values', 'at_least', 'differences', 'ratio', 'rise',
           'share_of_gain']

Values = Mapping[str, Mapping[str, Sequence[float]]]
Check = Callable[[Values], dict[str, Any]]


def ratio(worse: Sequence[str], better: str, least: float, claim: str,
          metric: str = 'digits-FID') -> Check:
    """The mean of some rows is so many times that of another."""

    def check(values: Values) -> dict[str, Any]:
        high = statistics.mean(v for row in worse for v in values[row][metric])
        low = statistics.mean(values[better][metric])
        return _outcome(claim, 'ratio of the means', high / low, least)

    return check


def rise(row: str, control: str, metric: str, claim: str) -> Check:
    """Row minus control is above 0 in every pair."""

    def check(values: Values) -> dict[str, Any]:
        lowest = min(differences(values, row, control, metric))
        return {
            'claim': claim,
            'found': f'least difference {lowest:.3f}, above 0 asserted',
            'met': bool(lowest > 0)
        }

    return check


def at_least(row: str, metric: str, least: float, claim: str) -> Check:
    """The mean of a row is at least this."""

    def check(values: Values) -> dict[str, Any]:
        return _outcome(claim, 'mean', statistics.mean(values[row][metric]),
                        least)

    return check


def share_of_gain(row: str, full: str, base: str, metric: str, least: float,
                  claim: str) -> Check:
    """A row reaches this share of what another gains over a base."""

    def check(values: Values) -> dict[str, Any]:
        one, whole, nothing = (
            statistics.mean(values[name][metric])
            for name in (row, full, base))
        return _outcome(claim, 'share of the gain',
                        (one - nothing) / (whole - nothing), least)

    return check


def differences(values: Values, row: str, control: str,
                metric: str) -> list[float]:
    """Row minus control, seed by seed."""
    pairs = zip(values[row][metric], values[control][metric], strict=True)
    return [one - other for one, other in pairs]


def _outcome(claim: str, what: str, found: float,
             least: float) -> dict[str, Any]:
    return {
        'claim': claim,
        'found': f'{what} {found:.2f}, at least {least:g} asserted',
        'met': bool(found >= least)
    }

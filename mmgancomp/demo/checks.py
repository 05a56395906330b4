"""What the demo must show, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mmgancomp.report.text import percent_text

__all__ = ['Check', 'FID', 'checks']

FID = 'digits-fid/fid'


@dataclass(frozen=True)
class Check:
    """One thing to hold.

    Attributes:
        what: What is looked at.
        found: The value, in words.
        wanted: What it has to be, in words.
        met: Whether it is.
    """

    what: str
    found: str
    wanted: str
    met: bool

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
        return asdict(self)


def checks(accuracy: float, fids: Mapping[str, float],
           counts: Mapping[str, tuple[bool, int, int]]) -> list[Check]:
    """Compare what was measured with what it has to be.

    The limits are far from what was seen over several seeds, see
    ``configs/demo/README.md``.

    Args:
        accuracy: Of the feature network on held-out digits, 0-1.
        fids: Row → digits-FID.
        counts: Row → whether its non-zeros are exactly as many as they
            should be, how many that is, how many there are.
    """
    dense, once = fids['dense'], fids['oneshot-90']
    tuned, gradual = fids['oneshot-finetuned-90'], fids['agp-90']
    taught = fids['agp-output-l1-90']
    found = [
        Check('feature network, accuracy on held-out digits',
              percent_text(accuracy), '≥ 97 %', accuracy >= .97),
        Check('dense: digits-FID', f'{dense:.2f}', '≤ 2', dense <= 2),
        Check('oneshot-90 ÷ dense', f'{_ratio(once, dense):.0f}', '≥ 10',
              once >= 10 * dense),
        Check('oneshot-finetuned-90 ÷ oneshot-90',
              f'{_ratio(tuned, once):.3f}', '≤ 1/3', 3 * tuned <= once),
        Check('agp-90 ÷ oneshot-90', f'{_ratio(gradual, once):.3f}',
              '≤ 1/5', 5 * gradual <= once),
        Check('agp-90 ÷ agp-output-l1-90', f'{_ratio(gradual, taught):.2f}',
              '≥ 1.3', gradual >= 1.3 * taught),
    ]
    found += [
        Check(f'{name}: non-zeros under the mask', f'{there:,}',
              f'= {wanted:,}', exact)
        for name, (exact, wanted, there) in counts.items()
    ]
    return found


def _ratio(of: float, against: float) -> float:
    return of / against if against else float('inf')

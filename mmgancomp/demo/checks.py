"""What the demo must show, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mmgancomp.report.text import percent_text

from .costs import BIG_BATCH

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
           counts: Mapping[str, tuple[bool, int, int]],
           sizes: Mapping[str, tuple[bool, int, int]],
           faster: float) -> list[Check]:
    """Compare what was measured with what it has to be.

    The limits are far from what was seen over several seeds, see
    ``configs/demo/README.md``.

    Args:
        accuracy: Of the feature network on held-out digits, 0-1.
        fids: Row → digits-FID.
        counts: Row → whether its non-zeros are exactly as many as they
            should be, how many that is, how many there are.
        sizes: Row → the same of all weights, of rows with fewer channels.
        faster: Latency of the dense model over that of the trained one with
            half of its channels.
    """
    dense, once = fids['dense'], fids['oneshot-90']
    tuned, gradual = fids['oneshot-finetuned-90'], fids['agp-90']
    taught = fids['agp-output-l1-90']
    cut, slim = fids['half-channels'], fids['half-channels-output-l1']
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
        Check('half-channels-output-l1: digits-FID', f'{slim:.2f}', '≤ 2',
              slim <= 2),
        Check('half-channels ÷ half-channels-output-l1',
              f'{_ratio(cut, slim):.0f}', '≥ 5', cut >= 5 * slim),
        Check('half-channels-output-l1: times as fast as dense, batch '
              f'{BIG_BATCH}', f'{faster:.2f}', '≥ 1.5', faster >= 1.5),
    ]
    found += [
        Check(f'{name}: non-zeros under the mask', f'{there:,}',
              f'= {wanted:,}', exact)
        for name, (exact, wanted, there) in counts.items()
    ]
    found += [
        Check(f'{name}: weights', f'{there:,}', f'= {wanted:,}', exact)
        for name, (exact, wanted, there) in sizes.items()
    ]
    return found


def _ratio(of: float, against: float) -> float:
    return of / against if against else float('inf')

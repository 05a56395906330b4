"""Iterative magnitude pruning: a share of what is left, round by round."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from mmgancomp.errors import ConfigError, closest

from .allocation import Global
from .counts import removed_count
from .masked import MaskedNetwork
from .registry import SCHEDULES
from .schedule import Schedule

__all__ = ['IMP']


@SCHEDULES.register_module()
class IMP(Schedule):
    """Iterative magnitude pruning (GAN-LTH, §3; code: 20 % per round).

    It acts between the rounds of a
    :class:`~mmgancomp.sparsity.lottery.LotteryTicketLoop`: each begins with
    one pruning. One round with a density is one-shot pruning.

    Args:
        fraction: Share of the weights still there that each round removes,
            in (0, 1); ``round(fraction · left)`` of them, half to even. By
            default 0.2; or, where the config gives a density, what reaches
            it in the last round.
        rounding: How the number removed is rounded: ``'removed'``, half to
            even, or ``'threshold'``, down and one more, as the official
            code does for the discriminator of SNGAN.
    """

    by_rounds = True
    needs_density = False
    any_pattern = False

    def __init__(self, fraction: float | None = None,
                 rounding: str = 'removed') -> None:
        self.fraction, self.rounding = fraction, rounding

    def resolve(self, total: int, density: float | None, key: str) -> None:
        if not self.rounds:
            raise ConfigError.at(
                key, 'IMP',
                'it prunes between the rounds of a lottery ticket run, and '
                "this run has none; write train_cfg=dict(type='mmgancomp."
                "LotteryTicketLoop', …), or a schedule such as 'AGP'")
        if density is not None and self.fraction is not None:
            raise ConfigError.at(
                f'{key}.fraction', self.fraction,
                f'the density {density:g} after {self.rounds} rounds says '
                'already how much each removes; give one of the two')
        if self.fraction is None and density is None:
            self.fraction = 0.2
        if self.fraction is not None and (
                isinstance(self.fraction, bool)
                or not isinstance(self.fraction, (int, float))
                or not 0 < self.fraction < 1):
            raise ConfigError.at(
                f'{key}.fraction', self.fraction,
                'write the share of the remaining weights that each round '
                'removes, between 0 and 1')
        if self.rounding not in ('removed', 'threshold'):
            raise ConfigError.at(
                f'{key}.rounding', self.rounding,
                closest(str(self.rounding), ('removed', 'threshold')))
        if density == 1:
            raise ConfigError.at(
                key.removesuffix('schedule') + 'density', density,
                'nothing would be pruned; write less than 1')
        self._density, self._key = density, key

    def fits(self, masked: MaskedNetwork) -> None:
        left = masked.maskable
        for _ in range(self.rounds if self._density is None else 0):
            left -= removed_count(left, 1 - self.fraction, self.rounding)
        if left < 1:
            raise ConfigError.at(
                f'{self._key}.fraction', self.fraction,
                f'{self.rounds} rounds would leave none of '
                f'{masked.maskable:,} weights; write less, or fewer rounds')

    def settings(self) -> dict[str, Any]:
        return {
            'type': type(self).__name__,
            'fraction': self.fraction,
            'rounding': self.rounding,
            'rounds': self.rounds
        }

    def ticks(self) -> list[int]:
        return []

    def density_at(self, tick: int) -> float:
        if self._density is not None:
            return self._density**(tick / self.rounds)
        return (1 - self.fraction)**tick

    def change(self, masked: MaskedNetwork, tick: int,
               optimizer: Optimizer | None = None, **options: Any) -> None:
        """Prune for round ``tick``, counted from 1."""
        if self._density is None and isinstance(options['allocation'],
                                                Global):
            # The published counts: a share of what is left, each time.
            masked.remove(
                removed_count(masked.survivors, 1 - self.fraction,
                              self.rounding),
                options['criterion'], options['source'])
        else:
            masked.prune(self.density_at(tick), rounding=self.rounding,
                         **options)

    def preview(self, masked: MaskedNetwork, **options: Any) -> list[int]:
        kept = []
        for tick in range(1, self.rounds + 1):
            self.change(masked, tick, **options)
            kept.append(masked.survivors)
        return kept

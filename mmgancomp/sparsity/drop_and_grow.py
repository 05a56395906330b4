"""Sparse training: small weights are dropped, others grow in their place."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from mmgancomp.errors import ConfigError, MMGanCompError, closest
from mmgancomp.families.layers import MaskableWeight
from mmgancomp.runtime.times import Time, resolve_time

from .allocation import Allocation
from .criterion import Criterion, Random
from .masked import MaskedNetwork, dims_of
from .moments import first_moment, keeps_first_moment
from .registry import SCHEDULES
from .schedule import Schedule
from .swap import swap_groups

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ['DropAndGrow']

GROWTHS = ('gradient', 'random', 'momentum')
DRAWS = ('exact', 'bernoulli')


@SCHEDULES.register_module()
class DropAndGrow(Schedule):
    """Sparse from the first update on, with masks that move (STU-GAN).

    Before the first update the masks are drawn at random. Then, every
    ``interval`` updates, each layer drops the smallest ⌈ζ · kept⌉ of its
    weights and grows as many where the gradient of that very update, dense
    and averaged over the processes, is largest. Just dropped positions may
    grow again, and then keep their value; other grown weights start at 0.
    So every layer keeps as many weights as it was given. The last kept one
    is never dropped.

    ζ falls along a cosine over all updates of the run,
    ζ(t) = ζ_min + (ζ_0 − ζ_min) · (1 + cos(π t / T)) / 2, with t and T the
    updates of this network. (The official code counts those of the
    discriminator; where it takes five steps per generator step, both have
    done the same share of the run.)

    A layer without gradient, because it is frozen, keeps its mask.

    Groups of a structured granularity are dropped by the mean magnitude of
    their weights and grow by the mean of what ``growth`` looks at.

    Args:
        interval: Updates between changes (official scripts: 1000).
        drop_fraction: ζ_0, share of the kept weights dropped at the start.
        min_drop_fraction: ζ_min, the share at the end of the run.
        growth: ``'gradient'``, ``'random'``, or ``'momentum'``: the first
            moment of the optimizer. Ties go to the lower flat index.
        begin: The first change comes one interval later.
        end: No change after it.
        exclude_just_dropped: Whether what was just dropped can't grow again
            in the same update, as in RigL.
        reset_moments: Whether the optimizer forgets its moments of weights
            that grow, as in RigL. By default they stay: gradients are
            dense, so there are some.
        init_draw: ``'exact'`` counts for the first masks, or
            ``'bernoulli'``: each weight is kept with its layer's density,
            so that the count is only expected, as in the official code.
    """

    criterion = 'random'
    allocation = 'erk'
    static = False
    any_pattern = False

    def __init__(self,
                 interval: int = 1000,
                 drop_fraction: float = 0.5,
                 min_drop_fraction: float = 0.005,
                 growth: str = 'gradient',
                 begin: Time = 'start',
                 end: Time = 'end',
                 exclude_just_dropped: bool = False,
                 reset_moments: bool = False,
                 init_draw: str = 'exact') -> None:
        self.interval = interval
        self.drop_fraction = drop_fraction
        self.min_drop_fraction = min_drop_fraction
        self.growth = growth
        self.begin, self.end = begin, end
        self.exclude_just_dropped = exclude_just_dropped
        self.reset_moments = reset_moments
        self.init_draw = init_draw

    def resolve(self, total: int, density: float | None, key: str) -> None:
        self._total, self._density = total, density
        self._check_values(key)
        begin = resolve_time(self.begin, total, f'{key}.begin')
        end = resolve_time(self.end, total, f'{key}.end')
        if end > total:
            raise ConfigError.at(
                f'{key}.end', self.end,
                f'this run has only {total} updates of this network; write '
                'a time up to that')
        if begin >= end:
            raise ConfigError.at(
                f'{key}.begin', self.begin,
                f'masks must begin to move before they stop, at update {end} '
                f'of {total}')
        moves = range(begin + self.interval, end + 1, self.interval)
        if not moves:
            raise ConfigError.at(
                f'{key}.interval', self.interval,
                f'the masks would never move: from update {begin} to {end} '
                f'of {total} no interval of {self.interval} ends; write less, '
                "or for masks that are drawn once schedule='OneShot', "
                "criterion='random', allocation='erk'")
        self._ticks = [0, *moves]

    def _check_values(self, key: str) -> None:
        if type(self.interval) is not int or self.interval < 1:
            raise ConfigError.at(f'{key}.interval', self.interval,
                                 'write a number of updates, at least 1')
        if self.drop_fraction == 0:
            raise ConfigError.at(
                f'{key}.drop_fraction', self.drop_fraction,
                'nothing would be dropped; write more')
        for option, least, most in (
                ('drop_fraction', 0, 1),
                ('min_drop_fraction', 0, self.drop_fraction)):
            value = getattr(self, option)
            if (isinstance(value, bool) or not isinstance(value, (int, float))
                    or not least <= value <= most):
                raise ConfigError.at(
                    f'{key}.{option}', value,
                    f'write a share from {least} to {most}')
        for option, known in (('growth', GROWTHS), ('init_draw', DRAWS)):
            value = getattr(self, option)
            if value not in known:
                raise ConfigError.at(
                    f'{key}.{option}', value,
                    f'no such {option}; {closest(str(value), known)}')
        for option in ('exclude_just_dropped', 'reset_moments'):
            if not isinstance(getattr(self, option), bool):
                raise ConfigError.at(f'{key}.{option}', getattr(self, option),
                                     'write True or False')

    def suits(self, settings: Settings, masked: MaskedNetwork,
              optimizer: Optimizer, key: Callable[[str], str]) -> None:
        if settings.score_source == 'ema':
            raise ConfigError.at(
                key('score_source'), 'ema',
                'drop and grow look at the weights that train; leave '
                'score_source out')
        if (self.init_draw == 'bernoulli'
                and not isinstance(settings.criterion, Random)):
            raise ConfigError.at(
                f"{key('schedule')}.init_draw", self.init_draw,
                "each weight is then kept by chance, whatever the criterion; "
                "leave criterion out, or write init_draw='exact'")
        if (self.growth == 'momentum' and not keeps_first_moment(
                optimizer, list(masked.weights.values()))):
            raise ConfigError.at(
                f"{key('schedule')}.growth", self.growth,
                f'{type(optimizer).__name__} as configured keeps no average '
                'of past gradients; give it momentum, or a first beta above '
                "0; or write growth='gradient'")

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(), 'interval': self.interval,
            'drop_fraction': self.drop_fraction,
            'min_drop_fraction': self.min_drop_fraction,
            'growth': self.growth,
            'exclude_just_dropped': self.exclude_just_dropped,
            'reset_moments': self.reset_moments,
            'init_draw': self.init_draw
        }

    def ticks(self) -> list[int]:
        return self._ticks

    def density_at(self, update: int) -> float | None:
        return self._density

    def fraction_at(self, update: int, total: int | None = None) -> float:
        """ζ: which share of the kept weights is dropped at this update.

        Args:
            update: t.
            total: T; by default the run's updates of this network.
        """
        done = update / (self._total if total is None else total)
        low, high = self.min_drop_fraction, self.drop_fraction
        return low + (high - low) * (1 + math.cos(math.pi * done)) / 2

    def preview(self, masked: MaskedNetwork, **options: Any) -> list[int]:
        self.change(masked, 0, **options)
        return []

    @torch.no_grad()
    def change(self, masked: MaskedNetwork, tick: int,
               optimizer: Optimizer | None = None, **options: Any) -> None:
        """Draw the masks at tick 0, move them at any other.

        Raises:
            MMGanCompError: If no layer has a gradient to grow by.
        """
        if tick == 0 and self.init_draw == 'exact':
            super().change(masked, tick, **options)
        elif tick == 0:
            masked.set_masks(self._drawn(masked, **options))
        else:
            self._move(masked, tick, optimizer)

    def _drawn(self, masked: MaskedNetwork, criterion: Criterion,
               allocation: Allocation, **_: Any) -> dict[str, Tensor]:
        """Each group is kept by chance, with the density of its layer."""
        shapes = [
            dims_of(layer, masked.masks[layer.name])
            for layer in masked.layers
        ]
        # All layers in one ranking of noise: one density for all.
        shares = (allocation.densities(shapes, self._density)
                  or [self._density] * len(shapes))
        cut, masks = masked.granularity, {}
        for layer, share in zip(masked.layers, shares, strict=True):
            mask = masked.masks[layer.name]
            draw = criterion.score(layer.name,
                                   cut.reduce(mask.float(), layer))
            kept = draw < share
            # A layer without a single weight would never have one again.
            kept[draw.argmin()] = True
            masks[layer.name] = cut.expand(kept, layer, mask.shape)
        return masks

    def _move(self, masked: MaskedNetwork, tick: int,
              optimizer: Optimizer | None) -> None:
        weights = masked.weights
        if all(weight.grad is None for weight in weights.values()):
            raise MMGanCompError(
                f'{self.network or "the network"} has no gradient at update '
                f'{tick}: something cleared it before the masks could move')
        masks = dict(masked.masks)
        for layer in masked.layers:
            weight, old = weights[layer.name], masks[layer.name]
            if weight.grad is None or bool(old.all()):
                continue
            # With dense moments the optimizer has just moved these too.
            weight.masked_fill_(old.logical_not(), 0)
            new = swap_groups(weight, old,
                              partial(self._worth, layer, weight, tick,
                                      optimizer),
                              self.fraction_at(tick), masked.granularity,
                              layer, self.exclude_just_dropped)
            masks[layer.name] = new
            if self.reset_moments and optimizer is not None:
                _forget(optimizer, weight, new & ~old)
        masked.set_masks(masks)

    def _worth(self, layer: MaskableWeight, weight: Tensor, tick: int,
               optimizer: Optimizer | None) -> Tensor:
        """How much each weight deserves to grow."""
        if self.growth == 'random':
            # No state: a resumed run and every process draw the same.
            return Random(self.seed).score(f'{layer.name}/grow/{tick}',
                                           weight)
        if self.growth == 'momentum':
            return first_moment(optimizer, weight).abs()
        return weight.grad.abs()


def _forget(optimizer: Optimizer, weight: Tensor, grown: Tensor) -> None:
    for value in optimizer.state.get(weight, {}).values():
        if torch.is_tensor(value) and value.shape == weight.shape:
            value.masked_fill_(grown, 0)

"""When a network is pruned, and to which density."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.runtime.times import Time, resolve_time

from .masked import MaskedNetwork, digest_of
from .packed import load
from .registry import SCHEDULES

__all__ = ['AGP', 'Fixed', 'OneShot', 'Schedule']


class Schedule(ABC):
    """Decides at which updates the masks of one network change, and how.

    The hook calls :meth:`resolve` once with the run's length, :meth:`start`
    before the first update of a run that is not resumed, and :meth:`step`
    after every update.

    Attributes:
        criterion: Criterion of the schedule's paper.
        allocation: Allocation of the schedule's paper.
        static: Whether a pruned weight stays pruned, so that its gradient
            is masked too.
        wants_density: Whether the config must give a density.
        any_pattern: Whether it works with an n:m pattern, which has one
            density only.
        weights_needed: Whether the masks are read off loaded weights.
    """

    criterion: Any = 'magnitude'
    allocation: Any = 'global'
    rounding = 'removed'
    static = True
    wants_density = True
    any_pattern = True
    weights_needed = False

    @abstractmethod
    def resolve(self, total: int, density: float | None, key: str) -> None:
        """Turn times into updates and check them against the run.

        Args:
            total: Updates of this network in the run.
            density: Final kept share, in (0, 1].
            key: Config key of the schedule, for errors.

        Raises:
            ConfigError: If the schedule would not do in this run what the
                config asks for.
        """

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share, beside the ticks."""
        return {}

    def fits(self, masked: MaskedNetwork) -> None:  # noqa: B027
        """Check what the schedule brings along against the network.

        Raises:
            ConfigError: If it is of another network.
        """

    @abstractmethod
    def ticks(self) -> list[int]:
        """The updates after which the masks change; 0 is the start."""

    @abstractmethod
    def density_at(self, update: int) -> float | None:
        """The density from this tick on."""

    def change(self, masked: MaskedNetwork, update: int, **options: Any
               ) -> None:
        """Change the masks as due at this tick."""
        masked.prune(
            density=self.density_at(update),
            rounding=self.rounding,
            **options)


@SCHEDULES.register_module()
class OneShot(Schedule):
    """One pruning to the final density.

    Args:
        begin: When. Defaults to ``'start'``: before the first update, after
            the weights are loaded.
    """

    def __init__(self, begin: Time = 'start') -> None:
        self.begin = begin

    def resolve(self, total: int, density: float | None, key: str) -> None:
        self._at = resolve_time(self.begin, total, f'{key}.begin')
        self._density = density
        if self._at > total:
            raise ConfigError.at(
                f'{key}.begin', self.begin,
                f'this run has only {total} updates of this network, so '
                'nothing would be pruned; write a time up to that')

    def ticks(self) -> list[int]:
        return [self._at]

    def density_at(self, update: int) -> float | None:
        return self._density


@SCHEDULES.register_module()
class AGP(Schedule):
    """Automated gradual pruning: a cubic ramp, fast first, then slow.

    s(t) = s_f + (s_i − s_f) · (1 − (t − begin) / (end − begin))³, layer by
    layer, recomputed from the weights at each tick. Defaults are those of
    Self-Supervised GAN Compression (§5).

    Args:
        begin: First tick.
        end: Tick at which the final density is reached.
        interval: Updates between ticks; ``end`` is always one.
        start_density: Kept share from the first tick on.
    """

    allocation = 'uniform'
    rounding = 'floor'
    any_pattern = False

    def __init__(self,
                 begin: Time = 'start',
                 end: Time = 0.5,
                 interval: int = 100,
                 start_density: float = 0.95) -> None:
        self.begin, self.end, self.interval = begin, end, interval
        self.start_density = start_density

    def resolve(self, total: int, density: float | None, key: str) -> None:
        self._begin = resolve_time(self.begin, total, f'{key}.begin')
        self._end = resolve_time(self.end, total, f'{key}.end')
        self._density = density
        if self._end > total:
            raise ConfigError.at(
                f'{key}.end', self.end,
                f'this run has only {total} updates of this network, so the '
                'final density would not be reached; write a time up to that')
        if self._begin >= self._end:
            raise ConfigError.at(
                f'{key}.begin', self.begin,
                f'the ramp must begin before it ends, at update {self._end} '
                f'of {total}')
        if (isinstance(self.interval, bool)
                or not isinstance(self.interval, int) or self.interval < 1):
            raise ConfigError.at(f'{key}.interval', self.interval,
                                 'write a number of updates, at least 1')
        if self.interval > self._end - self._begin:
            raise ConfigError.at(
                f'{key}.interval', self.interval,
                f'the ramp lasts {self._end - self._begin} updates (from '
                f'{self._begin} to {self._end} of {total}), so it would be '
                f'one step; write at most {self._end - self._begin}, or use '
                "schedule='OneShot'")
        if not _is_share(self.start_density) or (
                density is not None and self.start_density < density):
            raise ConfigError.at(
                f'{key}.start_density', self.start_density,
                'write a share between the final density, '
                f'{density}, and 1')

    def ticks(self) -> list[int]:
        return [*range(self._begin, self._end, self.interval), self._end]

    def density_at(self, update: int) -> float | None:
        if update >= self._end:
            return self._density
        left = 1 - (update - self._begin) / (self._end - self._begin)
        start, final = 1 - self.start_density, 1 - self._density
        return 1 - (final + (start - final) * left**3)


@SCHEDULES.register_module()
class Fixed(Schedule):
    """Masks that are given once and never change.

    Args:
        ticket: A packed file whose masks are taken (see
            :mod:`mmgancomp.sparsity.packed`). Without it the zeros of the
            loaded weights stay zero.
    """

    wants_density = False

    def __init__(self, ticket: str | None = None) -> None:
        self.ticket = ticket
        self.weights_needed = ticket is None

    def resolve(self, total: int, density: float | None, key: str) -> None:
        if density is not None:
            raise ConfigError.at(
                key.removesuffix('schedule') + 'density', density,
                'a Fixed mask has the density it has; leave density out')
        self._key = f'{key}.ticket'
        self._masks = None
        if self.ticket is not None:
            try:
                self._masks = load(self.ticket)[1]
            except MMGanCompError as error:
                raise ConfigError.at(
                    self._key, self.ticket,
                    f'name a packed file; {error}') from error

    def fits(self, masked: MaskedNetwork) -> None:
        if self._masks is None:
            return
        for name, mask in masked.masks.items():
            given = self._masks.get(name)
            if given is None or given.shape != mask.shape:
                raise ConfigError.at(
                    self._key, self.ticket,
                    f'the ticket is of another network: {name} is '
                    f'{tuple(mask.shape)} here and '
                    f'{"missing" if given is None else tuple(given.shape)} '
                    'there; name one of this network')
        more = sorted(set(self._masks) - set(masked.masks))
        if more:
            raise ConfigError.at(
                self._key, self.ticket,
                f'it also masks {", ".join(more)}, which would stay dense '
                'here; add them to the include globs of layers')

    def settings(self) -> dict[str, Any]:
        # The file may lie elsewhere now; its masks may not differ.
        return {'ticket': self._masks and digest_of(self._masks)}

    def ticks(self) -> list[int]:
        return [0]

    def density_at(self, update: int) -> float | None:
        return None

    def change(self, masked: MaskedNetwork, update: int, **options: Any
               ) -> None:
        if self._masks is not None:
            masked.set_masks({name: self._masks[name]
                              for name in masked.masks})
            return
        masks = {name: w.detach() != 0 for name, w in masked.weights.items()}
        if all(bool(mask.all()) for mask in masks.values()):
            raise ConfigError.at(
                self._key, None,
                'the weights at the start have no zeros to keep; name a '
                'ticket, or load a pruned checkpoint with load_from')
        masked.set_masks(masks)


def _is_share(value: Any) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and 0 < value <= 1)

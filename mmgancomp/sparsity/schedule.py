"""When a network is pruned, and to which density."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer

from mmgancomp.errors import ConfigError
from mmgancomp.runtime.times import Time, resolve_time

from .masked import MaskedNetwork
from .registry import SCHEDULES

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ['AGP', 'OneShot', 'Schedule']


class Schedule(ABC):
    """Decides at which updates the masks of one network change, and how.

    The hook calls :meth:`bind` and :meth:`resolve` once, and
    :meth:`change` at each tick: 0 is before the first update of a run that
    is not resumed, any other after that update.

    Attributes:
        criterion: Criterion of the schedule's paper.
        allocation: Allocation of the schedule's paper.
        static: Whether a pruned weight stays pruned, so that its gradient
            is masked too.
        by_rounds: Whether masks change between the rounds of a run, and not
            by the clock.
        wants_density: Whether a density means anything to it.
        needs_density: Whether the config must give one.
        any_pattern: Whether it works with an n:m pattern, which has one
            density only.
        weights_needed: Whether the masks are read off loaded weights.
        sets_values: Whether its first change also gives the network other
            weights, so that an average of them starts anew.
    """

    criterion: Any = 'magnitude'
    allocation: Any = 'global'
    rounding = 'removed'
    static = True
    by_rounds = False
    wants_density = True
    needs_density = True
    any_pattern = True
    weights_needed = False
    sets_values = False
    network = ''
    seed = rounds = 0

    def bind(self, network: str, seed: int, rounds: int) -> None:
        """Tell the schedule whom it serves.

        Args:
            network: Name of the network.
            seed: Seed of this network's random choices, equal on all ranks.
            rounds: How often the run prunes and starts again; 0 in a run
                without rounds.
        """
        self.network, self.seed, self.rounds = network, seed, rounds

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
        """What a resumed run must share, as plain values."""
        ticks = self.ticks()
        return {
            'type': type(self).__name__,
            'first_update': ticks[0],
            'last_update': ticks[-1],
            'changes': len(ticks),
            'first_density': self.density_at(ticks[0])
        }

    def fits(self, masked: MaskedNetwork) -> None:  # noqa: B027
        """Check what the schedule brings along against the network.

        Raises:
            ConfigError: If it is of another network.
        """

    def suits(self, settings: Settings, masked: MaskedNetwork,  # noqa: B027
              optimizer: Optimizer, key: Callable[[str], str]) -> None:
        """Check the schedule against what it is combined with.

        Args:
            settings: All settings of the network.
            masked: The network.
            optimizer: The optimizer that trains it.
            key: Option → its config key, for errors.

        Raises:
            ConfigError: If an option would have no effect, or needs
                something that isn't there.
        """

    @abstractmethod
    def ticks(self) -> list[int]:
        """The updates after which the masks change; 0 is the start."""

    @abstractmethod
    def density_at(self, update: int) -> float | None:
        """The density from this tick on."""

    def change(self, masked: MaskedNetwork, tick: int,
               optimizer: Optimizer | None = None, **options: Any) -> None:
        """Change the masks as due at this tick.

        Args:
            masked: The network.
            tick: One of :meth:`ticks`; the round if :attr:`by_rounds`.
            optimizer: The optimizer that trains the network, where there is
                one.
            options: Criterion, allocation and source, as in
                :meth:`~mmgancomp.sparsity.masked.MaskedNetwork.prune`.
        """
        masked.prune(
            density=self.density_at(tick), rounding=self.rounding, **options)

    def preview(self, masked: MaskedNetwork, **options: Any) -> list[int]:
        """Bring fresh masks to their final count, for ``mmgancomp plan``.

        Returns:
            Kept weights after each round; empty in a run without rounds.
        """
        self.change(masked, self.ticks()[-1], **options)
        return []


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


def _is_share(value: Any) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and 0 < value <= 1)

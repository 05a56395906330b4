"""What a run is going to be: model, networks, optimizers, length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError, closest
from mmgancomp.families.base import Family, Network

if TYPE_CHECKING:
    from mmengine.runner import Runner

__all__ = ['ROLES', 'Part', 'RunContext', 'RunShape']

ROLES = ('generator', 'discriminator')


@dataclass(frozen=True)
class Part:
    """A stretch of a run with a counter of its own, which the model reads.

    Attributes:
        first: The counter's value at its first iteration.
        length: Its iterations.
        trains: Whether the optimizers of the config step in it.
    """

    first: int
    length: int
    trains: bool = True


@dataclass(frozen=True)
class RunShape:
    """The parts that a run falls into; ordinary runs are of one part.

    Attributes:
        parts: In order.
        rounds: How often the run prunes and starts again.
    """

    parts: tuple[Part, ...] = ()
    rounds: int = 0

    @property
    def iterations(self) -> int:
        """Iterations of all parts together."""
        return sum(part.length for part in self.parts)


@dataclass(frozen=True)
class NetworkOptions:
    """What a config says about one network, and where it says so."""

    values: dict[str, Any]
    _key: str
    _origins: dict[str, str]

    def key(self, option: str) -> str:
        """The config key of an option, whether it was given or not."""
        return f'{self._origins.get(option, self._key)}.{option}'


@dataclass
class RunContext:
    """The facts that a mechanism needs before training starts.

    Attributes:
        model: The bare model.
        family: The family that claims it.
        networks: Its networks by name.
        iterations: Length of the run in iterations.
        wrappers: Optimizer wrappers by key.
        seed: The run's seed, equal on all ranks.
        terms: Loss terms by name; calling one sets its weight. Mechanisms
            add theirs while they prepare.
        validates: Whether the run validates.
        config: The run's config, where it has one.
        weights_known: Whether the model has the weights that training
            starts with, as far as they don't depend on a seed.
        shape: The parts that the run falls into.
    """

    model: nn.Module
    family: Family
    networks: dict[str, Network]
    iterations: int
    wrappers: dict[str, OptimWrapper]
    seed: int = 0
    terms: dict[str, Callable[[float], None]] = field(default_factory=dict)
    validates: bool = True
    config: Any = None
    weights_known: bool = True
    shape: RunShape = RunShape()
    _updates: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.shape.parts:
            self.shape = RunShape((Part(0, self.iterations), ))

    @classmethod
    def of(cls, model: nn.Module, wrapper: Any, iterations: int,
           seed: int = 0, shape: RunShape | None = None) -> RunContext:
        """Ask the model's family for the rest."""
        if is_model_wrapper(model):
            model = model.module
        family = families.of(model)
        networks = family.networks(model)
        # A model with a single optimizer wrapper has no keys to look up.
        wrappers = dict(wrapper.items()) if hasattr(wrapper, 'items') else {
            network.optimizer: wrapper
            for network in networks.values()
        }
        for network in networks.values():
            if network.optimizer not in wrappers:
                raise ConfigError.at(
                    f'optim_wrapper.{network.optimizer}', None,
                    f'{type(model).__name__} has no optimizer for its '
                    f'{network.name}; write one under this key; '
                    f'{closest(network.optimizer, wrappers)}')
        return cls(model, family, networks, iterations, wrappers, seed,
                   shape=shape or RunShape())

    @classmethod
    def from_runner(cls, runner: Runner) -> RunContext:
        """The context of a Runner whose optimizers are built."""
        from mmengine.dist import broadcast_object_list
        seed = [runner.seed]
        broadcast_object_list(seed)
        context = cls.of(runner.model, runner.optim_wrapper,
                         runner.max_iters, seed[0] or 0,
                         getattr(runner.train_loop, 'shape', None))
        context.validates = runner._val_loop is not None
        context.config = runner.cfg
        context.family.check(context.model, runner.cfg)
        return context

    @property
    def rounds(self) -> int:
        """How often the run prunes and starts again."""
        return self.shape.rounds

    def updates(self, optimizer: str) -> int:
        """Optimizer updates that this run makes with that optimizer."""
        if optimizer not in self._updates:
            self._updates[optimizer] = self._until(optimizer, self.iterations)
        return self._updates[optimizer]

    def _until(self, optimizer: str, iteration: int) -> int:
        """Updates in the first iterations of the run."""
        accumulation = {
            key: wrapper._accumulative_counts
            for key, wrapper in self.wrappers.items()
        }

        def count(iterations: int) -> int:
            return self.family.updates(self.model, optimizer, iterations,
                                       accumulation)

        total = 0
        for part in self.shape.parts:
            made = min(part.length, iteration)
            if part.trains:
                total += count(part.first + made) - count(part.first)
            iteration -= made
        return total

    def iteration_of(self, optimizer: str, update: int) -> int:
        """Iterations after which that many updates have been made."""
        low, high = 0, self.iterations
        while low < high:
            middle = (low + high) // 2
            if self._until(optimizer, middle) >= update:
                high = middle
            else:
                low = middle + 1
        return low

    def select(self, settings: dict[str, Any],
               key: str) -> dict[str, NetworkOptions]:
        """Give each network the settings of its role and of its name.

        A role ('generator') means every network of that role; an exact name
        ('generators.photo') is stronger, and the two are merged key by key.

        Args:
            settings: Role or name → options.
            key: Config key of ``settings``, for errors.

        Returns:
            Options per network name, for the networks that have any.
        """
        flat: dict[str, Any] = {}
        nested: dict[str, Any] = {}
        for name, options in settings.items():
            inner = [n for n in self.networks if n.startswith(f'{name}.')]
            if (inner and name not in ROLES and isinstance(options, dict)
                    and name not in self.networks):
                # `--cfg-options …networks.generators.photo.density=` nests,
                # beside what the config has under the dotted name.
                nested |= {f'{name}.{k}': v for k, v in options.items()}
            else:
                flat[name] = options
        for name, options in nested.items():
            below = flat.get(name)
            both = isinstance(below, dict) and isinstance(options, dict)
            flat[name] = {**below, **options} if both else options
        for name, options in flat.items():
            if name not in ROLES and name not in self.networks:
                raise ConfigError.at(
                    f'{key}.{name}', options,
                    f'{type(self.model).__name__} has no such network; '
                    f'{closest(name, {*ROLES, *self.networks})}')
            if not isinstance(options, dict):
                raise ConfigError.at(
                    f'{key}.{name}', options,
                    'write the options of this network as a dict, like '
                    'dict(density=0.1)')
        selected = {}
        for name, network in self.networks.items():
            owners = [o for o in dict.fromkeys((network.role, name))
                      if o in flat]
            if owners:
                selected[name] = NetworkOptions(
                    {k: v for o in owners for k, v in flat[o].items()},
                    f'{key}.{owners[-1]}',
                    {k: f'{key}.{o}' for o in owners for k in flat[o]})
        return selected

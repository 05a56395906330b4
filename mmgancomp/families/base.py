"""What the rest of the package asks about a GAN, and never finds out itself.

A family answers for the models of one kind. It keeps no state: a model, or
one of its networks, is the argument of every question.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError, MMGanCompError, closest

from .calls import TeachingQuestions
from .conventions import CostConvention
from .graphs import Graph
from .layers import MaskableWeight, convolution_weights, linear_weights
from .plain_copy import plain_copy

if TYPE_CHECKING:
    from .groups import ChannelGroup
    from .sites import GateSite

__all__ = ['Family', 'Network', 'NotOffered', 'bare', 'seeded_forward']


class NotOffered(MMGanCompError):
    """A family does not answer a question that something needs answered."""


@dataclass(frozen=True)
class Network:
    """One generator or discriminator of a model that MMEngine built.

    Attributes:
        name: ``'generator'``, ``'generators.photo'``: the network's prefix
            in the model's ``state_dict``.
        role: ``'generator'`` or ``'discriminator'``.
        module: The network itself, out of any distributed wrapper.
        optimizer: Key of its optimizer in the ``OptimWrapperDict``.
        ema: Its moving average, out of any wrapper; None without one.
    """

    name: str
    role: str
    module: nn.Module
    optimizer: str
    ema: nn.Module | None = None


class Family(TeachingQuestions):
    """What one kind of GAN is like.

    A plugin returns instances of subclasses from the hook
    ``mmgancomp_families``. The abstract methods are what masks need; of the
    others, the defaults are right for ordinary convolutional networks, or
    say which method to write. What a teacher needs is in
    :class:`~mmgancomp.families.calls.TeachingQuestions`.
    """

    name: str
    """Shown to users, for example in ``mmgancomp plan``."""

    for_training: Mapping[str, Any] = {'discriminator': None}
    """Options of the models that leave out what only training needs."""

    tested_in_training = False
    """Whether the models' own tests run generators in training mode."""

    @abstractmethod
    def claims(self, model: nn.Module) -> bool:
        """Whether ``model``, out of any wrapper, is of this family."""

    @abstractmethod
    def networks(self, model: nn.Module) -> dict[str, Network]:
        """The model's networks by name, generators first.

        Args:
            model: The model, or a distributed wrapper around it or around
                parts of it.
        """

    @abstractmethod
    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        """The GAN loss of the model, as in training, and nothing else of it.

        Args:
            model: The model, wrapped or not.
            logits: Output of a discriminator for one batch.
            for_generator: Whether it is the generator that is trained.
            real: Whether the batch is of real images. A generator is only
                ever trained on its own: it wants them to be taken for real.

        Returns:
            A scalar with gradient, weighted as the stock training step
            weights it before its terms are summed.
        """

    @abstractmethod
    def example_call(
            self,
            network: nn.Module,
            batch: int,
            generator: torch.Generator,
            size: int | None = None) -> tuple[tuple, dict[str, Any]]:
        """Arguments of a legal forward call, drawn from ``generator``.

        Args:
            network: A network of the family, bare.
            batch: Number of images.
            generator: Source of all randomness.
            size: Image edge in pixels where the network takes images.
                Defaults to what it was built for, 256 if it takes any.

        Returns:
            Positional and keyword arguments, on the network's device.
        """

    def check(self, model: nn.Module, config: Mapping[str, Any]) -> None:
        """Refuse a model that was built and still cannot be meant.

        Nothing by default. Asked before training, and by ``mmgancomp plan``.

        Args:
            model: The model, out of any wrapper.
            config: The run's config.

        Raises:
            ConfigError: With the key, the value and what would be right.
        """

    def convolutions(self, network: nn.Module) -> list[MaskableWeight]:
        """The weights that masks cover by default: all convolutions."""
        return convolution_weights(network)

    def linears(self, network: nn.Module) -> list[MaskableWeight]:
        """Weights of linear layers, which a user may name in addition."""
        return linear_weights(network)

    def updates(self, model: nn.Module, optimizer: str, iterations: int,
                accumulation: Mapping[str, int]) -> int:
        """Steps that an optimizer takes in the first ``iterations``.

        Args:
            model: The model, wrapped or not.
            optimizer: Key in the ``OptimWrapperDict``.
            iterations: Number of training iterations, counted from 0.
            accumulation: ``accumulative_counts`` by optimizer key; a key
                that is missing counts 1.
        """
        raise self.not_offered('updates')

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        """A config of the same network, its hidden widths divided.

        Args:
            config: Config of a generator or discriminator.
            divisor: A width becomes ``max(1, width // divisor)``.

        Returns:
            What ``MODELS.build`` makes a network of the same class of, with
            the same parameter names. Its ``type`` may be a function.

        Raises:
            NotOffered: The family does not know networks of that type.
        """
        raise self.not_offered('narrow', str(config.get('type')))

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """Which channels of a network can only be removed together.

        Channels that no group has, such as those of images, stay. What the
        network reads of its own width besides its layers' shapes belongs
        into a group's ``counts``.

        Args:
            network: A generator or discriminator of stock width or not.

        Returns:
            Name → group. Names depend on no width, so that a plan holds for
            each network of the same config.

        Raises:
            NotOffered: The family does not know networks of that type.
        """
        raise self.not_offered('channel_groups', type(network).__name__)

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """Where channels of a generator can be gated, in forward order.

        Every hidden convolution may have one whose channels nothing else
        writes, once a residual sum has its own convolution in between.
        """
        raise self.not_offered('gate_sites', type(network).__name__)

    def set_adversarial_loss(self, model: nn.Module, name: str) -> str:
        """Let a model train, G and D, with another adversarial loss.

        From then on :meth:`adversarial_loss` answers with it, too.

        Args:
            model: The model, wrapped or not. Its class stays as it is.
            name: A key of :data:`mmgancomp.families.losses.BY_NAME`.

        Returns:
            Name of the loss that stock has.

        Raises:
            NotOffered: The loss of such a model is in its own config, or a
                part of its training step that cannot be exchanged.
        """
        raise self.not_offered('set_adversarial_loss', type(model).__name__)

    def cost_conventions(self, network: nn.Module) -> list[CostConvention]:
        """What published ways of counting give for a network, if any."""
        return []

    def fixed_noise(self, network: nn.Module) -> AbstractContextManager[None]:
        """Make the network's forward a function of its arguments.

        Random numbers drawn inside a forward call, be it dropout or injected
        noise, are the same in each call, and the global random states are as
        if it had drawn none. Buffers that training mode moves (batch
        statistics, power iteration) still move: switch to ``eval()`` to
        compare calls bit for bit.
        """
        return seeded_forward(network)

    def graph(self, network: nn.Module, noise: str = 'fixed') -> Graph:
        """A generator as a function of tensors, for other runtimes.

        Args:
            network: The generator; left as it is.
            noise: What becomes of noise maps that the network injects:
                ``'fixed'``, they are constants; ``'input'``, they are given
                with each call.

        Raises:
            ConfigError: A setting that the network has no graph for.
        """
        if noise != 'fixed':
            raise ConfigError.at(
                '--noise', noise, f'{type(network).__name__} injects no '
                'noise maps; leave it out')
        args, kwargs = self.example_call(network, 1, torch.Generator())
        return Graph(plain_copy(network), args, list(kwargs))

    def amp(self, config: Any) -> None:
        """Change what ``--amp`` must change besides the optimizer wrappers.

        Nothing by default: a model whose training step enters
        ``optim_wrapper.optim_context`` is autocast there.

        Args:
            config: The whole config, changed in place.

        Raises:
            ConfigError: Mixed precision has to be set up by hand.
        """

    def self_contained(self, config: Mapping[str, Any],
                       network: nn.Module) -> Mapping[str, Any]:
        """A generator's config that needs no other file.

        Args:
            config: Config of the network, as a user wrote it.
            network: What was built of it, perhaps cut since.
        """
        return config

    def state(self, model: nn.Module) -> dict[str, Any]:
        """Training state outside the ``state_dict``: plain tensors, numbers.

        Together with the usual checkpoint it makes a resumed run equal to
        one that was never interrupted.
        """
        return {}

    def load_state(self, model: nn.Module, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state` returned."""
        if state:
            raise self.not_offered('load_state')

    def not_offered(self, method: str, about: str = '') -> NotOffered:
        """The error for a question that this family does not answer.

        Args:
            method: Name of the method that somebody would have to write.
            about: For what it does not answer, if it does for other models.
        """
        where = f' for {about}' if about else ''
        return NotOffered(
            f'family {self.name!r} ({type(self).__module__}.'
            f'{type(self).__qualname__}) has no method {method!r}{where}, '
            'which is needed here; docs/plugins.md says what it must do')

    def accumulation_of(self, optimizers: tuple[str, ...], optimizer: str,
                        accumulation: Mapping[str, int]) -> tuple[int, ...]:
        """Accumulation counts in the order of ``optimizers``, checked.

        Args:
            optimizers: The keys that the family's models use.
            optimizer: The key that was asked for; must be one of them.
            accumulation: As in :meth:`updates`.
        """
        for key in (optimizer, *accumulation):
            if key not in optimizers:
                raise ConfigError.at('optim_wrapper', key,
                                     f'no such optimizer in family '
                                     f'{self.name!r}; '
                                     f'{closest(key, optimizers)}')
        return tuple(accumulation.get(key, 1) for key in optimizers)


def bare(module: nn.Module) -> nn.Module:
    """Take a module out of its distributed wrappers, if it has any."""
    from mmengine.model import is_model_wrapper
    while is_model_wrapper(module):
        module = module.module
    return module


def inherits(module: nn.Module, *names: str) -> bool:
    """Whether MMagic has a class of one of ``names`` that ``module`` is.

    By name, so that asking about a stranger's model imports nothing.
    """
    return any(
        base.__name__ in names and base.__module__.startswith('mmagic.')
        for base in type(module).__mro__)


@contextmanager
def seeded_forward(network: nn.Module, seed: int = 0) -> Iterator[None]:
    """Run each forward call of ``network`` under one and the same seed.

    torch's and Python's random states are restored after each call.
    """
    running = ExitStack()
    parameter = next(network.parameters(), None)
    devices = [parameter.device] if (parameter is not None
                                     and parameter.is_cuda) else []

    def before(module: nn.Module, args: tuple) -> None:
        running.enter_context(torch.random.fork_rng(devices))
        running.callback(random.setstate, random.getstate())
        # Not torch.manual_seed: it would seed devices that are not restored.
        torch.default_generator.manual_seed(seed)
        for device in devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        random.seed(seed)

    def after(module: nn.Module, args: tuple, output: Any) -> None:
        running.close()

    with ExitStack() as hooks:
        hooks.enter_context(running)
        for handle in (
                network.register_forward_pre_hook(before),
                # Also when the forward raises, else the seed would stay.
                network.register_forward_hook(after, always_call=True)):
            hooks.callback(handle.remove)
        yield

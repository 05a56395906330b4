"""What a training step showed to its networks, and what can be asked of it.

Distillation records the calls of a stock training step and asks a family
what they mean. Nothing here names a model or runs one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    from .base import NotOffered

__all__ = ['Call', 'FeaturePoint', 'Objective', 'Scene', 'TeachingQuestions']


@dataclass(eq=False)
class Call:
    """One forward call of one of the student's networks.

    Attributes:
        network: The network's name.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        output: What it returned.
        features: Outputs of the modules that are tapped, by path.
        random: State of the random number generators when the call began;
            None where nobody asked for it.
    """

    network: str
    args: tuple
    kwargs: dict[str, Any]
    output: Any = None
    features: dict[str, Tensor] = field(default_factory=dict)
    random: Any = None

    @property
    def input(self) -> Any:
        """The first argument, however it was passed."""
        return self.args[0] if self.args else next(
            iter(self.kwargs.values()), None)

    def with_input(self, first: Any) -> tuple[tuple, dict[str, Any]]:
        """The arguments with another first one."""
        if self.args:
            return (first, *self.args[1:]), self.kwargs
        name = next(iter(self.kwargs))
        return (), {**self.kwargs, name: first}


class Objective(NamedTuple):
    """One term of a stock loss.

    Attributes:
        weight: Its weight in the stock loss.
        value: The term before weighting, a scalar.
    """

    weight: float
    value: Tensor


class FeaturePoint(NamedTuple):
    """A place in a network that has a name of its own.

    Attributes:
        path: The module whose output it is.
        norm: The norm layer that this output goes through next, if any; with
            self-attention in between, the first one behind it.
        attention: The self-attention that comes next, if any.
    """

    path: str
    norm: str | None = None
    attention: str | None = None


class Scene(Protocol):
    """One turn of training, with the student's or a teacher's generators.

    A family writes each objective once in these words. Asked of the
    student's scene it is what training computed; asked of a teacher's, the
    same for the images that the teacher makes from the same inputs, judged
    by the student's discriminators.
    """

    def given(self, generator: str, nth: int) -> Tensor:
        """What the nth call of a generator was given."""

    def made(self, generator: str, nth: int,
             image: Tensor | None = None) -> Tensor:
        """What the nth call of a generator made.

        Args:
            generator: Its name.
            nth: Which of this turn's calls.
            image: What it was given, if that was made by a generator.
        """

    def judged(self, discriminator: str, image: Tensor) -> Tensor:
        """Logits for an image that a generator has made."""

    def judged_real(self, discriminator: str) -> Tensor:
        """Logits for this iteration's real images, detached."""

    def real(self, discriminator: str) -> Tensor:
        """The real images that a discriminator was shown."""


class TeachingQuestions(ABC):
    """The questions about a model's training step, part of a family."""

    discriminator_loss_weight = 1.
    """What the stock training step multiplies a discriminator's loss by."""

    discriminator_losses = 1
    """Losses of one stock discriminator step.

    A single one goes to ``update_params``. With several the step calls
    ``scale_loss`` and ``backward`` for each of them in turn.
    """

    def replayable(self, call: Call) -> bool:
        """Whether another network, called likewise, would do the same job."""
        return True

    def generator_calls(self, before: Sequence[Call],
                        since: Sequence[Call]) -> list[Call]:
        """The generators' calls that the generators' turn is about.

        Args:
            before: Those of this iteration up to the last update.
            since: Those after it. Images that are made once for both turns
                leave it empty, which is what the default understands.
        """
        return list(since or before)

    def discriminator_calls(self,
                            calls: Sequence[Call]) -> tuple[Call, Call]:
        """The call on fakes and the call on reals of one turn.

        Args:
            calls: A discriminator's calls in its turn; by default the first
                two, further ones belonging to a penalty.
        """
        return calls[0], calls[1]

    def real_images(self, model: nn.Module,
                    batch: Any) -> Mapping[str, Tensor]:
        """Discriminator → the real images of a batch.

        Needed where the generators' turn comes first: no discriminator has
        been shown them then.

        Args:
            model: The model.
            batch: What its ``data_preprocessor`` made of the data.
        """
        raise self.not_offered('real_images')

    def main_calls(self, model: nn.Module) -> dict[str, int]:
        """Per generator the call of a turn whose image is shown around.

        By default the first call of each.
        """
        return {
            name: 0
            for name, network in self.networks(model).items()
            if network.role == 'generator'
        }

    def judgements(self, model: nn.Module,
                   scene: Scene) -> dict[str, Tensor]:
        """Discriminator → its logits for what the generators made."""
        raise self.not_offered('judgements')

    def generator_objectives(self, model: nn.Module,
                             scene: Scene) -> dict[str, Objective]:
        """The named terms of the stock generator loss, for a scene.

        Regularisers that look at no image (path length) are left out. By
        default :meth:`adversarial_objectives`.
        """
        return self.adversarial_objectives(model, scene)

    def adversarial_objectives(self, model: nn.Module,
                               scene: Scene) -> dict[str, Objective]:
        """Those terms of the stock generator loss that ask a discriminator.

        In a discriminator's turn, where they can be asked for alone. By
        default the adversarial loss for each discriminator's logits.
        """
        return {
            name:
            Objective(
                1.,
                self.adversarial_loss(
                    model, logits, for_generator=True, real=False))
            for name, logits in self.judgements(model, scene).items()
        }

    def unanswerable(self, model: nn.Module) -> dict[str, str]:
        """Questions about its losses that this model leaves open.

        Known before training: method → what cannot be evaluated. By default
        none; a method that is named here may raise ``NotOffered``.
        """
        return {}

    def discriminator_objectives(self, model: nn.Module,
                                 scene: Scene) -> dict[str, Objective]:
        """The named terms of the stock discriminator loss, for a scene.

        Per discriminator the loss on fakes plus that on reals, as one term.
        Penalties on real images alone are the same for everybody and are
        left out.
        """
        return {
            name:
            Objective(
                1.,
                self.discriminator_loss(model, logits,
                                        scene.judged_real(name)))
            for name, logits in self.judgements(model, scene).items()
        }

    def discriminator_loss(self, model: nn.Module, fake: Tensor,
                           real: Tensor) -> Tensor:
        """A discriminator's GAN loss for its logits of both batches.

        By default the sum of :meth:`adversarial_loss` for either.
        """
        return self.adversarial_loss(
            model, fake, for_generator=False,
            real=False) + self.adversarial_loss(
                model, real, for_generator=False, real=True)

    def discriminator_penalty(self, model: nn.Module,
                              network: nn.Module, real: Tensor,
                              iteration: int) -> Tensor | None:
        """The stock penalty of a discriminator that trains, if it is due.

        Args:
            model: The model, which knows weight and interval.
            network: The discriminator to be penalised.
            real: A batch of real images.
            iteration: The run's iteration.
        """
        return None

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """Names for the places in a network whose features are of use.

        For example ``'64px'`` or ``'block3'``.
        """
        raise self.not_offered('feature_points')

    # What a family has anyway.

    @abstractmethod
    def networks(self, model: nn.Module) -> Mapping[str, Any]:
        """See :meth:`Family.networks`."""

    @abstractmethod
    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        """See :meth:`Family.adversarial_loss`."""

    @abstractmethod
    def not_offered(self, method: str, about: str = '') -> NotOffered:
        """See :meth:`Family.not_offered`."""

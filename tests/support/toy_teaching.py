"""A GAN of scalars with a teacher: losses that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.distillation import Binding, LossTerm, Recorder, Step, Teacher
from mmgancomp.families import Network, losses
from mmgancomp.families.base import bare
from mmgancomp.families.gan import BaseGANFamily

__all__ = ['Column', 'Scalar', 'ToyFamily', 'ToyGAN', 'Turn']


class Scalar(nn.Module):
    """x ↦ weight · x."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.double))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Multiply."""
        return self.weight * x


class Column(nn.Module):
    """A discriminator that reads its logits off a column of the image."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = column
        self.weight = nn.Parameter(torch.ones((), dtype=torch.double))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, 1)."""
        return x[:, self.column:self.column + 1]


class ToyGAN(nn.Module):
    """One generator, one discriminator."""

    def __init__(self, generator: nn.Module,
                 discriminator: nn.Module) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator


class ToyFamily(BaseGANFamily):
    """Its family.

    Args:
        loss: The adversarial loss.
    """

    name = 'toy'

    def __init__(self, loss: Any = losses.logistic) -> None:
        self.loss = loss

    def claims(self, model: nn.Module) -> bool:
        """Every toy."""
        return isinstance(bare(model), ToyGAN)

    def networks(self, model: nn.Module) -> dict[str, Network]:
        """Both of them."""
        return {
            role: Network(role, role, getattr(bare(model), role), role)
            for role in ('generator', 'discriminator')
        }

    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        """As given."""
        return self.loss(logits, for_generator, real)

    def example_call(self, network: nn.Module, batch: int,
                     generator: torch.Generator,
                     size: int | None = None) -> tuple[tuple, dict]:
        """One feature map."""
        return (torch.ones(batch, 1, 2, 2, dtype=torch.double), ), {}


class Turn:
    """A student, a teacher, and one turn between them.

    Args:
        generator: The student's.
        discriminator: The student's.
        teacher: The teacher's networks by name.
        loss: The adversarial loss.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module,
                 teacher: dict[str, nn.Module],
                 loss: Any = losses.logistic) -> None:
        self.model = ToyGAN(generator, discriminator)
        self.family = ToyFamily(loss)
        self.networks = self.family.networks(self.model)
        self.recorder = Recorder(self.networks)
        self.teacher = Teacher('teacher', teacher)
        self.recorder.attach()
        self.recorder.start()

    def bind(self, term: LossTerm, place: str) -> LossTerm:
        """Tell a term about everybody."""
        term.bind(
            Binding('term', place, self.networks, self.family, self.recorder,
                    self.teacher, 0, lambda option: f'term.{option}'))
        return term.double()

    def step(self, place: str) -> Step:
        """What terms see now."""
        return Step(self.model, self.family, self.recorder, place)

    def generate(self, z: Tensor) -> tuple[Tensor, Step]:
        """The generator's turn: its stock loss, and the step."""
        for p in self.model.discriminator.parameters():
            p.requires_grad_(False)
        logits = self.model.discriminator(self.model.generator(z))
        return self.family.loss(logits, True, False), self.step('generator')

    def judge(self, z: Tensor, real: Tensor) -> tuple[Tensor, Step]:
        """The discriminator's turn: its stock loss, and the step."""
        with torch.no_grad():
            fake = self.model.generator(z)
        fakes = self.model.discriminator(fake)
        reals = self.model.discriminator(real)
        loss = (
            self.family.loss(fakes, False, False) + self.family.loss(
                reals, False, True))
        return loss, self.step('discriminator')

"""What all loss terms have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from mmgancomp.families.base import Family, Network

from .recorder import Recorder
from .step import Step
from .teacher import Teacher

__all__ = ['Binding', 'LossTerm']


@dataclass(frozen=True)
class Binding:
    """What a term is told once, before training.

    Attributes:
        name: The term's name.
        place: Whose loss it is added to.
        networks: The student's networks by name.
        family: The student's family.
        recorder: Records the student's calls; may be asked to tap features.
        teacher: The term's teacher.
        seed: Equal on all ranks, another one for each term.
        key: Option → its config key, for errors.
        unanswerable: What the family cannot say of the model's losses, see
            :meth:`mmgancomp.families.base.Family.unanswerable`.
    """

    name: str
    place: str
    networks: Mapping[str, Network]
    family: Family
    recorder: Recorder
    teacher: Teacher
    seed: int
    key: Callable[[str], str]
    unanswerable: Mapping[str, str] = field(default_factory=dict)

    def students(self) -> dict[str, Network]:
        """The student's networks that the term's loss trains."""
        return {
            name: network
            for name, network in self.networks.items()
            if network.role == self.place
        }


class LossTerm(nn.Module, ABC):
    """A term that a teacher adds to a loss of the student.

    A subclass is registered in
    :data:`~mmgancomp.distillation.registry.LOSS_TERMS` and computes its
    value in :meth:`forward`; it may have parameters, which are trained with
    the network whose loss it is added to.

    Args:
        loss_weight: What its value is multiplied by. At 0 it is not
            computed, and nothing of it runs.
        begin: The update of the network from which on it counts: an int, a
            fraction of the run, ``'start'`` or ``'end'``.
        end: The update after which it no longer counts.
        teacher: Name of its teacher; needed where there are several.
        replace_stock: Whether the model's own loss is left out of the
            updates in which the term counts.
        optimizer: Optimizer config for its parameters, if it has any, for
            example ``dict(type='Adam', lr=1e-3)``. Defaults to the optimizer
            of the network that they are trained with, at its initial
            learning rate.

    Attributes:
        places: Whose losses it may be added to.
        asks: Roles of the teacher's networks that it runs in each place.
    """

    places: ClassVar[tuple[str, ...]] = ('generator', )
    asks: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self,
                 loss_weight: float = 1.,
                 begin: Any = 'start',
                 end: Any = 'end',
                 teacher: str | None = None,
                 replace_stock: bool = False,
                 optimizer: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.begin, self.end = begin, end
        self.teacher: Any = teacher
        self.replace_stock = replace_stock
        self.optimizer = optimizer
        self.first, self.last = 0, 0

    def bind(self, binding: Binding) -> None:
        """Check the options against the networks; make parameters.

        Raises:
            ConfigError: If the term cannot work with them.
        """
        self.teacher = binding.teacher

    @abstractmethod
    def forward(self, step: Step) -> Tensor:
        """The term's value, a scalar, before it is weighted."""

    def counts_at(self, update: int) -> bool:
        """Whether the term counts once ``update`` updates have been made."""
        return self.loss_weight != 0 and self.first <= update < self.last

    def settings(self) -> dict[str, Any]:
        """Options that a resumed run must share, the weight left out."""
        return {'replace_stock': self.replace_stock}

    def describe(self) -> dict[str, Any]:
        """More about the term for ``mmgancomp plan``."""
        return {'replace_stock': self.replace_stock}

"""What becomes of the student's discriminators in a run."""

from __future__ import annotations

from typing import Any

from mmgancomp.families.base import Network

from .teacher import Teacher

__all__ = ['MODES', 'StudentDiscriminator']

MODES = ('trained', 'frozen', 'teacher')


class StudentDiscriminator:
    """Keeps the discriminators from training, or puts others in their place.

    Args:
        mode: ``'trained'``: as ever. ``'frozen'``: weights and statistics
            stay as they were loaded. ``'teacher'``: the teacher's judge in
            their place, of whatever width, and stay as they are.
        networks: The student's networks by name.
        teacher: For ``'teacher'``.
    """

    def __init__(self, mode: str, networks: dict[str, Network],
                 teacher: Teacher | None) -> None:
        self.mode = mode
        self._networks = {
            name: network
            for name, network in networks.items()
            if network.role == 'discriminator'
        }
        self._teacher = teacher

    @property
    def trains(self) -> bool:
        """Whether updates of the discriminators are made."""
        return self.mode == 'trained'

    def attach(self) -> None:
        """Put the teacher's discriminators in place."""
        if self.mode != 'teacher':
            return
        for name, network in self._networks.items():
            # An attribute of the instance comes before the class's method,
            # below the hooks and wrappers of the module: what is recorded
            # stays the student's call.
            network.module.forward = _instead(self._teacher, name)

    def settle(self) -> None:
        """Undo what the model does to modes at each start of training."""
        if self.mode == 'frozen':
            for network in self._networks.values():
                network.module.eval()


def _instead(teacher: Teacher, name: str) -> Any:

    def forward(*args: Any, **kwargs: Any) -> Any:
        teacher.calls += 1
        return teacher.networks[name](*args, **kwargs)

    return forward

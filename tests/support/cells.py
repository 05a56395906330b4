"""The matrix of mechanisms × families × conditions, generated.

Levels come from the registries: whoever registers a schedule, a criterion,
an allocation or a granularity has it tested with every family and under
every condition, in the fast suite by a covering array of pairs.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, astuple, dataclass
from typing import Any

from allpairspy import AllPairs

from mmgancomp.sparsity import ALLOCATIONS, CRITERIA, GRANULARITIES, SCHEDULES
from tests.support import tiny

__all__ = ['CONDITIONS', 'MOVING', 'Case', 'covering', 'levels', 'product']

CONDITIONS = ('plain', 'accumulation', 'amp', 'resume', 'two processes')
MOVING = {
    'AGP': dict(type='AGP', interval=1, end='end'),
    'DropAndGrow': dict(type='DropAndGrow', interval=1),
    'IMP': 'IMP'
}
"""Schedules that go on changing masks, as often as they can."""
UPDATES = 8
"""Iterations of a run; every network gets at least two updates."""


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    family: str
    schedule: str
    criterion: str
    allocation: str
    granularity: str
    condition: str

    def __str__(self) -> str:
        return '-'.join(astuple(self)).replace(' ', '_')

    @property
    def legal(self) -> bool:
        """Whether the config says what is meant (the rest is refused)."""
        if self.granularity == 'n:m' and (
                not SCHEDULES.get(self.schedule).any_pattern
                or self.allocation != 'uniform'):
            return False
        # Fixed takes its masks as they are: no other option goes with it.
        return self.schedule != 'Fixed' or (
            self.criterion, self.allocation,
            self.granularity) == ('magnitude', 'uniform', 'element')

    def sparsity(self, model: Any, ticket: str | None) -> dict[str, Any]:
        """``default_hooks.sparsity`` of this case.

        Args:
            model: The model, for layers that an n:m pattern does not fit.
            ticket: Packed file for ``Fixed``.
        """
        return dict(
            type='mmgancomp.SparsityHook',
            networks={
                'generator': self._options(model, 'generator', ticket),
                'discriminator': self._options(model, 'discriminator', None)
            })

    def _options(self, model: Any, role: str,
                 ticket: str | None) -> dict[str, Any]:
        if self.schedule == 'Fixed' and role == 'generator':
            return dict(schedule=dict(type='Fixed', ticket=ticket))
        options: dict[str, Any] = dict(
            criterion=self.criterion,
            granularity=('2:4' if self.granularity == 'n:m' else
                         self.granularity))
        if self.granularity == 'n:m':
            odd = _odd_layers(model, role)
            if odd:
                options['layers'] = dict(exclude=odd)
        else:
            options['density'] = 0.25
            options['allocation'] = self.allocation
        options['schedule'] = MOVING.get(self.schedule, 'OneShot')
        if (self.schedule, self.granularity) == ('DropAndGrow', 'filter'):
            # Behind batch norm and ReLU a filter that is gone has no
            # gradient that could bring it back.
            options['schedule'] = dict(
                MOVING['DropAndGrow'], growth='random')
        return options


def _odd_layers(model: Any, role: str) -> list[str]:
    from mmgancomp import families
    from mmgancomp.sparsity import NofM
    family, odd = families.of(model), []
    for network in family.networks(model).values():
        if network.role == role:
            for layer in family.convolutions(network.module):
                shape = network.module.get_parameter(layer.name).shape
                if NofM(2, 4).check(layer, shape) and layer.name not in odd:
                    odd.append(layer.name)
    return odd


def levels() -> dict[str, list[str]]:
    """Factor → its levels, from the registries."""
    return dict(
        family=list(tiny.FAMILIES),
        schedule=sorted(SCHEDULES.module_dict),
        criterion=sorted(CRITERIA.module_dict),
        allocation=sorted(ALLOCATIONS.module_dict),
        granularity=sorted(GRANULARITIES.module_dict),
        condition=list(CONDITIONS))


def product() -> list[Case]:
    """Every legal cell."""
    cells = (Case(*row) for row in itertools.product(*levels().values()))
    return [case for case in cells if case.legal]


def covering() -> list[Case]:
    """Cells that cover every legal pair of levels."""
    names = list(levels())
    wanted = {pair for case in product() for pair in _pairs(case)}
    cases = []
    rows = AllPairs(
        list(levels().values()),
        filter_func=lambda row: len(row) < len(names) or Case(*row).legal)
    for row in rows:
        case = Case(*row)
        if case.legal:
            cases.append(case)
            wanted -= _pairs(case)
    # The filter may cost pairs: complete them from the product.
    everything = product()
    while wanted:
        best = max(everything, key=lambda case: len(_pairs(case) & wanted))
        cases.append(best)
        wanted -= _pairs(best)
    return cases


def _pairs(case: Case) -> set[tuple]:
    return set(itertools.combinations(asdict(case).items(), 2))

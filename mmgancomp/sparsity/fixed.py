"""Masks that come from a file, or from the weights that are loaded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.runtime.weights import fault

from .criterion import Random
from .granularity import build_granularity
from .masked import MaskedNetwork, digest_of
from .registry import SCHEDULES
from .schedule import Schedule
from .ticket import read_ticket

__all__ = ['Fixed']


@SCHEDULES.register_module()
class Fixed(Schedule):
    """Masks that are given once and never change.

    Args:
        ticket: A packed file whose masks are taken (see
            :mod:`mmgancomp.sparsity.ticket`). Without it the zeros of the
            loaded weights stay zero.
        values: Whether the network also starts from the ticket's weights
            and buffers. By default it keeps those that it has.
        shuffle: Whether each layer keeps as many weights (or groups) as in
            the ticket, but at random positions: the control that tells
            whether more than the layers' densities matters.
        shuffle_seed: Another number, another draw.
    """

    wants_density = False

    def __init__(self, ticket: str | None = None, values: bool = False,
                 shuffle: bool = False, shuffle_seed: int = 0) -> None:
        self.ticket, self.values, self.shuffle = ticket, values, shuffle
        self.shuffle_seed = shuffle_seed
        self.weights_needed = ticket is None

    @property
    def sets_values(self) -> bool:
        return self.values

    def resolve(self, total: int, density: float | None, key: str) -> None:
        if density is not None:
            raise ConfigError.at(
                key.removesuffix('schedule') + 'density', density,
                'a Fixed mask has the density it has; leave density out')
        self._key = f'{key}.ticket'
        for option in ('values', 'shuffle'):
            value = getattr(self, option)
            if not isinstance(value, bool):
                raise ConfigError.at(f'{key}.{option}', value,
                                     'write True or False')
            if value and self.ticket is None:
                raise ConfigError.at(
                    f'{key}.{option}', value,
                    'there is no ticket to take anything from; name one')
        if type(self.shuffle_seed) is not int or (self.shuffle_seed
                                                  and not self.shuffle):
            raise ConfigError.at(
                f'{key}.shuffle_seed', self.shuffle_seed,
                'write a whole number, and shuffle=True beside it')
        self._masks: dict[str, Tensor] | None = None
        self._state: dict[str, Tensor] = {}
        if self.ticket is not None:
            try:
                ticket = read_ticket(self.ticket, self.network)
                build_granularity(ticket.granularity)
            except MMGanCompError as error:
                raise ConfigError.at(
                    self._key, self.ticket,
                    f'name a packed file; {error}') from error
            self._masks, self._state = ticket.masks, ticket.state
            self._granularity = ticket.granularity

    def fits(self, masked: MaskedNetwork) -> None:
        if self._masks is None:
            return
        for name, mask in masked.masks.items():
            given = self._masks.get(name)
            if given is None or given.shape != mask.shape:
                self._refuse(name, mask, given)
        more = sorted(set(self._masks) - set(masked.masks))
        if more:
            raise ConfigError.at(
                self._key, self.ticket,
                f'it also masks {", ".join(more)}, which would stay dense '
                'here; add them to the include globs of layers')
        if self.values:
            for name, own in masked.network.state_dict().items():
                given = self._state.get(name)
                if given is None or given.shape != own.shape:
                    self._refuse(name, own, given)
                wrong = fault(given, own)
                if wrong:
                    raise ConfigError.at(
                        self._key, self.ticket,
                        f'name another ticket: in this one {name} {wrong}')
        if self.shuffle:
            self._masks = self._shuffled(masked)

    def _refuse(self, name: str, own: Tensor, given: Tensor | None) -> None:
        raise ConfigError.at(
            self._key, self.ticket,
            f'the ticket is of another network: {name} is '
            f'{tuple(own.shape)} here and '
            f'{"missing" if given is None else tuple(given.shape)} '
            'there; name one of this network')

    def _shuffled(self, masked: MaskedNetwork) -> dict[str, Tensor]:
        cut = build_granularity(self._granularity)
        noise, shuffled = Random(self.seed + self.shuffle_seed), {}
        for layer in masked.layers:
            mask = self._masks[layer.name]
            groups = cut.reduce(mask.float(), layer) > 0
            order = noise.score(layer.name, groups.float()).argsort()
            shuffled[layer.name] = cut.expand(groups[order], layer,
                                              mask.shape)
        return shuffled

    def settings(self) -> dict[str, Any]:
        # The file may lie elsewhere now; its masks may not differ.
        return {
            **super().settings(), 'ticket': self._masks
            and digest_of(self._masks),
            'values': self.values
        }

    def ticks(self) -> list[int]:
        return [0]

    def density_at(self, update: int) -> float | None:
        return None

    @torch.no_grad()
    def change(self, masked: MaskedNetwork, tick: int,
               optimizer: Optimizer | None = None, **options: Any) -> None:
        if self.values:
            masked.network.load_state_dict({
                name: self._state[name]
                for name in masked.network.state_dict()
            })
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

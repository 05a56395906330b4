"""A trained model whose channels are to be removed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from mmgancomp import families
from mmgancomp.channels.finding import Found
from mmgancomp.channels.groups import counts_of
from mmgancomp.channels.pruned import Pruned
from mmgancomp.channels.remove import example
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.evaluation.profile_model import (
    chosen_names,
    load_network,
    masks_in,
)
from mmgancomp.families import Family, Network
from mmgancomp.families.macs import macs
from mmgancomp.runtime.building import build_model
from mmgancomp.runtime.weights import weights_of
from mmgancomp.sparsity.ticket import read_ticket

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['Trained']


@dataclass
class Trained:
    """A model with its weights.

    Attributes:
        config: Its config.
        family: Its family.
        chosen: The networks to prune, with their weights.
        weights: The whole ``state_dict`` of the checkpoint, stock names.
        loaded: What else the checkpoint holds.
        checkpoint: The checkpoint.
        ticket: A lottery ticket whose masks count, not the checkpoint's.
        paths: ``id`` of a network's module → its path in the model.
    """

    config: Config
    family: Family
    chosen: list[Network]
    weights: dict[str, Tensor]
    loaded: dict[str, Any]
    checkpoint: str
    ticket: str | None = None
    paths: dict[int, str] = field(default_factory=dict)

    @classmethod
    def load(cls, config: Config, checkpoint: str | Path,
             names: Sequence[str], ticket: str | None = None) -> Trained:
        """Build the model of a config and load what is to be pruned.

        Raises:
            ConfigError: A network does not exist, or the checkpoint is not
                one of the model.
        """
        model = build_model(config)
        family = families.of(model)
        networks = family.networks(model)
        asked = chosen_names(networks, names)
        roles = {networks[name].role for name in asked}
        chosen = [n for n in networks.values() if n.role in roles]
        if len(chosen) > len(asked):
            missing = next(n.name for n in chosen if n.name not in asked)
            raise ConfigError.at(
                '--networks', ' '.join(names),
                f'{missing} is built by the same config and shares the '
                f'plan; name the role, {sorted(roles)[0]}')
        from mmengine.runner import CheckpointLoader
        loaded = CheckpointLoader.load_checkpoint(
            str(checkpoint), map_location='cpu')
        tensors = {
            name: tensor
            for name, tensor in weights_of(
                loaded, 'checkpoint', str(checkpoint)).items()
            if isinstance(tensor, Tensor)
        }
        self = cls(config, family, chosen, tensors, loaded,
                   str(checkpoint), ticket)
        self.paths = {id(part): path for path, part in model.named_modules()}
        for network in chosen:
            self._load(model, network, checkpoint)
        return self

    def _load(self, model: nn.Module, network: Network,
              checkpoint: str | Path) -> None:
        """Load a network and its average; one stands for a missing other."""
        parts = [network.module]
        if network.ema is not None:
            parts.append(network.ema)
        there = [part for part in parts if self._has(part)]
        for part in there or parts[:1]:
            load_network(model, part, self.loaded, checkpoint)
        for part in parts:
            if part not in there:
                part.load_state_dict(there[0].state_dict())
            self._rename(part)

    def _has(self, part: nn.Module) -> bool:
        prefix = self.paths[id(part)] + '.'
        return any(key.startswith(prefix) for key in self.weights)

    def _rename(self, part: nn.Module) -> None:
        """Write a network's weights under the names that stock gives them."""
        prefix = self.paths[id(part)] + '.'
        for key in [k for k in self.weights if k.startswith(prefix)]:
            del self.weights[key]
        self.weights |= {
            prefix + key: value for key, value in part.state_dict().items()
        }

    def masks(self, network: Network) -> dict[str, Tensor] | None:
        """The masks of a network, if there are any.

        Raises:
            ConfigError: The ticket is not one of this network.
        """
        if self.ticket is None:
            return masks_in(self.loaded, network.name, network.module,
                            self.checkpoint)
        try:
            masks = read_ticket(self.ticket, network.name).masks
        except MMGanCompError as error:
            raise ConfigError.at('--ticket', self.ticket,
                                 str(error)) from None
        sizes = {n: w.shape for n, w in network.module.named_parameters()}
        for name, mask in masks.items():
            if sizes.get(name) != mask.shape:
                raise ConfigError.at(
                    '--ticket', self.ticket,
                    f'its mask of {name} is {tuple(mask.shape)}, and '
                    f'{network.name} has ' +
                    (f'{tuple(sizes[name])} there' if name in sizes else
                     'no such weight'))
        return masks

    def macs(self, module: nn.Module) -> tuple[int, dict[str, int]]:
        """MACs of a network, and each layer's share."""
        return macs(module, *example(self.family, module, 1))

    def document(self, pruned: Pruned, config: str, plan: Path,
                 slim: Path) -> dict[str, Any]:
        """What was done, as plain values."""
        networks = {}
        for name, found in pruned.networks.items():
            counts = {
                f'params{when}': sum(p.numel() for p in module.parameters())
                for when, module in (('_before', found.module),
                                     ('', found.small))
            } | {
                f'macs{when}': self.macs(module)[0]
                for when, module in (('_before', found.module),
                                     ('', found.small))
            }
            networks[name] = dict(
                counts,
                difference_killed=found.killed,
                difference_removed=found.cut,
                groups=counts_of(found.groups, found.kept))
            if isinstance(found.groups, Found) and found.groups.probed:
                networks[name]['probed'] = dict(left_out=found.groups.left)
        return dict(
            schema=1,
            plan=str(plan),
            checkpoint=str(slim),
            networks=networks,
            config_lines=self._lines(pruned, config, plan, slim))

    def _lines(self, pruned: Pruned, config: str, plan: Path,
               slim: Path) -> list[str]:
        """A config that trains the slim model on."""
        parts, where = [], os.path.abspath(plan)
        base = config if '::' in config else os.path.abspath(config)
        for role in pruned.plan.networks:
            stock = self.config.model[role].get('type')
            if str(stock).endswith('Slimmed'):
                entry = f'dict(divisor=None, plan={where!r}'
            else:
                entry = (
                    "dict(_delete_=True, type='mmgancomp.Slimmed', network="
                    f'{{{{_base_.model.{role}}}}}, plan={where!r}')
            parts.append(f'{role}={entry}, part={role!r})')
        return [
            f'_base_ = [{base!r}]',
            f'model = dict({", ".join(parts)})',
            f'load_from = {os.path.abspath(slim)!r}',
        ]

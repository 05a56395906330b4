"""The hook that trains gates, freezes them and decides what goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from torch import Tensor

from mmgancomp.errors import ConfigError, check_options
from mmgancomp.families import Network
from mmgancomp.registry import HOOKS
from mmgancomp.runtime.agreement import check_ranks_agree
from mmgancomp.runtime.companion import build_companion
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.state import RunState
from mmgancomp.runtime.times import resolve_time
from mmgancomp.runtime.update import Phase

from .gate_removal import without_gates
from .gate_settings import KEY, GateSettings, check_constructor, check_reach
from .gates import Gate, fingerprint, pruning_loss
from .gating import gates_of
from .slim_files import CONFIG, WEIGHTS, write_slim

__all__ = ['GateHook']


@HOOKS.register_module()
class GateHook(CompressionHook):
    """Trains the gates of ``mmgancomp.Gated`` generators: PPCD-GAN::

        default_hooks = dict(gates=dict(type='mmgancomp.GateHook',
                                        alpha=0.7))
        optim_wrapper = dict(
            constructor='mmgancomp.CompressionOptimWrapperConstructor')

    Adds ``loss_weight``·L_PP to the generators' loss, steps the gates with
    the generators' optimizer, and freezes a vector of gates once enough of
    it is closed. Several generators have an L_PP each, and they are summed.

    Args:
        alpha: A vector freezes when more than this share of its channels is
            closed; 0.7 in the paper's main results.
        pivot: A gate at or below it is closed; 0.005.
        loss_weight: Of L_PP; 0.01. Its name for stages is ``gates``.
        cap: Whether a vector closes no more than the first number of
            channels above α, however many arrived in one update. The paper
            does not.
        until: Update of the generators after which every vector is frozen,
            whatever is closed by then. By default the last one.
        optimizer: Of the gates. Plain SGD with the paper's rate of 0.1 by
            default: its Adam at that rate takes a gate across its whole
            range in one step. No weight decay: it would fight L_PP.
    """

    key = 'gates'

    def __init__(self,
                 alpha: float = 0.7,
                 pivot: float = 0.005,
                 loss_weight: float = 0.01,
                 cap: bool = False,
                 until: Any = 'end',
                 optimizer: Mapping[str, Any] | None = None,
                 **unknown: Any) -> None:
        self._given = GateSettings(alpha, pivot, loss_weight, cap, until,
                                   optimizer)
        self._unknown = unknown
        self._weight = loss_weight
        self._networks: dict[str, Network] = {}
        self._frozen_at: dict[str, dict[str, int]] = {}
        self._removal: dict[str, Any] = {}

    def prepare(self, context: RunContext) -> None:
        check_options(KEY, self._unknown, GateSettings.__dataclass_fields__)
        self._given.check()
        self._networks = {
            name: network
            for name, network in context.networks.items()
            if gates_of(network.module)
        }
        if not self._networks:
            raise ConfigError.at(
                KEY, 'mmgancomp.GateHook', 'no network has gates; build the '
                "generator with dict(_delete_=True, type='mmgancomp.Gated', "
                'network={{_base_.model.generator}})')
        if 'gates' in context.terms:
            raise ConfigError.at(
                KEY, 'mmgancomp.GateHook', "a loss term is called 'gates', "
                'which is the name of L_PP; call it something else')
        if context.rounds > 1:
            raise ConfigError.at(
                KEY, 'mmgancomp.GateHook', 'gates freeze once and for all, '
                f'and this run starts again {context.rounds} times; leave '
                'one of the two out')
        context.terms['gates'] = self._set_weight
        self._optimizer = next(iter(self._networks.values())).optimizer
        total = context.updates(self._optimizer)
        self._until = resolve_time(self._given.until, total, f'{KEY}.until')
        if not 0 < self._until <= total:
            raise ConfigError.at(
                f'{KEY}.until', self._given.until,
                f'that is update {self._until}, and the run has {total} '
                'updates of the generator; write one of them')
        check_constructor(context.wrappers[self._optimizer],
                          self._parameters())
        self._companion = build_companion(
            self._parameters(), self._given.rule(), f'{KEY}.optimizer')
        self._reach = {
            name: check_reach(
                list(gates_of(network.module).values()), self._given,
                self._companion.optimizer, self._until)
            for name, network in self._networks.items()
        }

    def _set_weight(self, weight: float) -> None:
        self._weight = weight

    def _parameters(self) -> list[torch.nn.Parameter]:
        return [
            gate.weight for network in self._networks.values()
            for gate in gates_of(network.module).values()
        ]

    # -- running ---------------------------------------------------------

    def attach(self, state: RunState) -> None:
        self._state = state
        updates = state.updates(self._optimizer)
        self._companion.follow(updates)
        self._add_to_loss(updates.wrapper)
        updates.on_update(Phase.GATES, self._freeze)
        updates.on_update(Phase.DIGEST, self._compare)

    def _add_to_loss(self, wrapper: Any) -> None:
        # Below `update_params`, where a teacher may replace the loss.
        scale = wrapper.scale_loss

        def with_gates(loss: Tensor) -> Tensor:
            return scale(loss + self._loss() if self._weight else loss)

        wrapper.scale_loss = with_gates

    def _loss(self) -> Tensor:
        return self._weight * sum(
            pruning_loss(gates_of(network.module).values())
            for network in self._networks.values())

    def _freeze(self, update: int) -> None:
        settings, self._changed = self._given, False
        for name, network in self._networks.items():
            copies = {} if network.ema is None else gates_of(network.ema)
            for path, gate in gates_of(network.module).items():
                empty = not gate.frozen and bool(
                    gate.closed(settings.pivot).all())
                if not gate.binarise(settings.alpha, settings.pivot,
                                     settings.cap, update >= self._until):
                    continue
                self._changed = True
                self._frozen_at.setdefault(name, {})[path] = update
                if path in copies:
                    # An average of a step is no step.
                    copies[path].follow(gate)
                self._tell(name, path, gate, update, empty)

    def _tell(self, name: str, path: str, gate: Gate, update: int,
              empty: bool) -> None:
        kept = int(gate.kept.sum())
        print_log(
            f'{name}: gate {path} froze after update {update} with {kept} '
            f'of {gate.kept.numel()} channels' +
            (', one of which was kept open: all had closed' if empty else ''),
            logger='current')

    def _compare(self, update: int) -> None:
        if self._changed:
            check_ranks_agree(
                'gates', lambda: fingerprint(
                    gate for network in self._networks.values()
                    for gate in gates_of(network.module).values()))

    def begin(self, state: RunState) -> None:
        self._changed = False

    def after_val_epoch(self, runner: Any,
                        metrics: dict[str, float] | None = None) -> None:
        open_ = self._unfrozen()
        if open_:
            print_log(
                f'{open_} of {len(self._parameters())} gates are not frozen '
                'yet: the metrics above are of a network whose gates are no '
                'zeros and ones', logger='current')

    def after_train(self, runner: Any) -> None:
        if not is_main_process():
            return
        networks = list(self._networks.values())
        found = without_gates(
            [n.module for n in networks],
            [n.ema for n in networks if n.ema is not None],
            self._given.pivot)
        folder = Path(runner.work_dir)
        write_slim(folder, self._state.context.model, networks, found,
                   runner.cfg)
        self._removal = {
            'forced': found.forced,
            'difference': found.difference,
            'params': sum(p.numel() for p in found.networks[0].parameters())
        }
        # It was written before, without this.
        self._state.write_record()
        print_log(
            f'Without what its gates have closed {networks[0].name} has '
            f'{self._removal["params"]:,} parameters; images differ by '
            f'{found.difference:.1e} of the largest value'
            + (f', {found.forced} gates closed by force'
               if found.forced else '') +
            f'. {folder / WEIGHTS} has the weights, {folder / CONFIG} the '
            'config that builds it', logger='current')

    def _unfrozen(self) -> int:
        return sum(not gate.frozen for network in self._networks.values()
                   for gate in gates_of(network.module).values())

    # -- state -----------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        return {
            'alpha': self._given.alpha,
            'pivot': self._given.pivot,
            'cap': self._given.cap,
            'until': self._until
        }

    def state_dict(self) -> dict[str, Any]:
        # The gates themselves are in the networks' weights and buffers.
        return {
            'companion': self._companion.state_dict(),
            'frozen_at': self._frozen_at
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._companion.load_state_dict(state['companion'])
        self._frozen_at = {
            name: dict(found) for name, found in state['frozen_at'].items()
        }

    def summary(self) -> dict[str, dict[str, Any]]:
        return {
            name: {
                'gates': [{
                    'name': path,
                    'channels': gate.kept.numel(),
                    'kept': int((~gate.closed(self._given.pivot)).sum()),
                    'frozen': bool(gate.frozen),
                    **({'frozen_at': self._frozen_at[name][path]}
                       if path in self._frozen_at.get(name, {}) else {})
                } for path, gate in gates_of(network.module).items()],
                **({'without_gates': self._removal} if self._removal else {})
            }
            for name, network in self._networks.items()
        }

    def describe(self) -> list[dict[str, Any]]:
        return [{
            'mechanism': 'gates',
            'network': name,
            'gates': len(gates_of(network.module)),
            'channels': sum(g.kept.numel()
                            for g in gates_of(network.module).values()),
            'alpha': self._given.alpha,
            'cap': self._given.cap,
            'weight': self._weight,
            'optimizer': type(self._companion.optimizer).__name__,
            'first_freeze': self._reach[name],
            'until': self._until
        } for name, network in self._networks.items()]

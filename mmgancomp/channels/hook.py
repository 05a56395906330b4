"""The hook that lets channels fade out while MMagic trains them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.runner.checkpoint import get_state_dict

from mmgancomp.errors import ConfigError, closest
from mmgancomp.registry import HOOKS
from mmgancomp.runtime.agreement import check_ranks_agree
from mmgancomp.runtime.context import ROLES, RunContext
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.state import RunState
from mmgancomp.runtime.update import Phase

from .fading import Fading
from .pruned import prune_networks, state_dict, write

__all__ = ['ChannelKillHook']

KEY = 'default_hooks.channel_kill'


@HOOKS.register_module()
class ChannelKillHook(CompressionHook):
    """Fades channels out, and writes plan and slim weights at the end.

    After each optimizer step all slots of a doomed channel are multiplied,
    so that what is left of it falls evenly from one to zero; from ``end`` on
    it is dead. The network keeps its shape during the run::

        default_hooks = dict(channel_kill=dict(
            type='mmgancomp.ChannelKillHook',
            networks=dict(generator=dict(target='params=0.5', end=0.5))))

    Args:
        networks: ``'generator'``, ``'discriminator'`` → options. Networks of
            one role are cut alike.

            * ``plan``: a plan of the stock network, as a file or as its
              content; or
            * ``target``: ``'macs=0.5'`` or ``'params=0.5'``, the share that
              may stay, or ``'width=0.5'``, the widths of ``divisor=2``;
              channels are ranked at ``begin``.
            * ``criterion``, ``allocation``, ``multiple``: how they are
              ranked, as in ``mmgancomp prune``.
            * ``begin``, ``end``: when they begin to fade and are dead, in
              updates; from the start to half of the run by default.
    """

    key = 'channel_kill'

    def __init__(self, networks: dict[str, Any] | None = None,
                 **unknown: Any) -> None:
        self._networks, self._unknown = networks, unknown
        self._fadings: dict[str, Fading] = {}

    def prepare(self, context: RunContext) -> None:
        self.check_networks(
            self._networks, self._unknown,
            'say whose channels go, and how many: for example '
            "dict(generator=dict(target='params=0.5'))")
        if context.rounds:
            raise ConfigError.at(
                KEY, '…', 'a run of rounds starts its weights again and '
                'again; remove channels before or after it')
        for role, options in self._networks.items():
            key = f'{KEY}.networks.{role}'
            members = [n for n in context.networks.values() if n.role == role]
            if not members:
                raise ConfigError.at(
                    key, '…', 'name a role: the networks of one are built '
                    f'by one config and cut alike; {closest(role, ROLES)}')
            self._fadings[role] = Fading.of(options, role, members, context,
                                            key)

    def attach(self, state: RunState) -> None:
        for fading in self._fadings.values():
            updates = state.updates(fading.networks[0].optimizer)
            updates.on_update(Phase.DECIDE, _decide(fading))
            updates.on_update(Phase.WEIGHTS, fading.advance)
            updates.on_update(Phase.EMA, fading.follow)

    def begin(self, state: RunState) -> None:
        for fading in self._fadings.values():
            if not state.resumed and fading.begin == 0:
                _decide(fading)(0)

    def after_train_iter(self, runner: Any, batch_idx: int,
                         data_batch: Any = None,
                         outputs: Any = None) -> None:
        if not self.is_last_train_iter(runner):
            return
        state = RunState.of(runner)
        for role, fading in self._fadings.items():
            made = state.updates(fading.networks[0].optimizer).clock
            if made < fading.end:
                print_log(
                    f'{role}: {made} updates were made instead of '
                    f'{fading.end} (the others overflowed), so its channels '
                    'die now', logger='current')
                if fading.kept is None:
                    fading.kept = fading.choose()
                fading.advance(fading.end)
                fading.follow(fading.end)

    def after_train(self, runner: Any) -> None:
        if is_main_process():
            self._write(RunState.of(runner).context, Path(runner.work_dir))

    def _write(self, context: RunContext, folder: Path) -> None:
        networks = [n for f in self._fadings.values() for n in f.networks]
        pruned = prune_networks(
            context.family, networks,
            lambda role, members, groups: self._fadings[role].kept,
            known={role: f.groups for role, f in self._fadings.items()})
        model = context.model
        paths = {id(part): path for path, part in model.named_modules()}
        # Without the wrappers that several processes put around networks.
        paths |= {id(network.module): network.name for network in networks}
        weights = state_dict(pruned, get_state_dict(model), paths)
        written = write(folder, pruned.plan, weights, {})
        print_log(
            f'{written[0]} and {written[1]} hold what is left of the '
            f'{" and the ".join(self._fadings)}; '
            "mmgancomp.Slimmed(plan=…) with load_from trains it on",
            logger='current')

    def settings(self) -> dict[str, Any]:
        return {
            role: {
                'begin': fading.begin,
                'end': fading.end,
                'target': fading.aim and vars(fading.aim)
            }
            for role, fading in self._fadings.items()
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            role: {
                'kept': fading.kept and dict(fading.kept)
            }
            for role, fading in self._fadings.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for role, fading in self._fadings.items():
            fading.kept = state[role]['kept']

    def summary(self) -> dict[str, dict[str, Any]]:
        return {
            network.name: {
                'channels_killed': fading.doomed
            }
            for fading in self._fadings.values() for network in fading.networks
        }

    def describe(self) -> list[dict[str, Any]]:
        return [{
            'mechanism': self.key,
            'role': role,
            'begin': fading.begin,
            'end': fading.end,
            **{name: list(pair)
               for name, pair in fading.before_after().items()},
            'groups': fading.counts()
        } for role, fading in self._fadings.items()]


def _decide(fading: Fading) -> Any:

    def decide(update: int) -> None:
        if update == fading.begin:
            if fading.aim is not None:
                fading.kept = fading.choose()
            check_ranks_agree(f'channels of the {fading.role} that stay',
                              fading.digest)

    return decide

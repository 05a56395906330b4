"""The loop that looks for lottery tickets: train, prune, rewind, again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log
from mmengine.registry import MODELS
from mmengine.runner import IterBasedTrainLoop, set_random_seed
from mmengine.runner.checkpoint import get_state_dict

from mmgancomp import families
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.files import write_whole
from mmgancomp.registry import LOOPS
from mmgancomp.runtime import rng
from mmgancomp.runtime.averages import restart_average
from mmgancomp.runtime.folders import (
    checkpoint_path,
    forget_checkpoints,
    save_checkpoint,
    use_folder,
)
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.restart import (
    bound_schedulers,
    fresh_optimizer,
    fresh_schedulers,
)
from mmgancomp.runtime.snapshots import Snapshots
from mmgancomp.runtime.state import RunState

from .hook import SparsityHook
from .masked import MaskedNetwork
from .rounds import Rounds
from .ticket import write_ticket

__all__ = ['LotteryTicketLoop']


@LOOPS.register_module()
class LotteryTicketLoop(IterBasedTrainLoop):
    """Rounds of training, pruning and rewinding (GAN-LTH, Algorithm 1)::

        train_cfg = dict(
            _delete_=True, type='mmgancomp.LotteryTicketLoop',
            max_iters=50048, val_interval=10000, rounds=10)
        default_hooks = dict(sparsity=dict(
            type='mmgancomp.SparsityHook',
            networks=dict(generator=dict(schedule='IMP'))))

    Round 0 trains the dense networks. Each round after it prunes those
    whose schedule is ``IMP``, puts all networks back to an earlier state,
    starts optimizers, schedulers, EMA and the counter that the model reads
    anew, trains for the same time, and validates. ``runner.iter`` counts
    over the whole run.

    Files: ``snapshots/`` holds ``theta0``, ``dense_final`` and any late
    state; ``round_03/`` the round's checkpoints, its best one, and
    ``ticket.safetensors``, the masks with the weights that training starts
    from.

    Args:
        runner: The run.
        dataloader: Its training data.
        max_iters: Iterations of the dense training and of each round.
        rounds: How many rounds.
        rewind: What the networks go back to, one name for all or a dict by
            role or network name; a network that is left out goes back to
            ``'theta0'``.

            * ``'theta0'``: the state before training.
            * ``'late_0.1'``, ``'late_5000'``: the state after that share or
              number of iterations of the dense training; the round then
              lasts the remaining iterations, and its counter and schedulers
              start there.
            * ``'dense_final'``: the end of the dense training.
            * ``'other_seed'``: another draw of initial weights.
            * ``'keep'``: nothing; the network trains on (standard pruning).
        dense: Work folder of an earlier run of this loop. Its snapshots
            take the place of the dense training, so that controls share
            one.
        redraw_seed: Seed of ``'other_seed'``; the run's seed + 1 by
            default.
        val_begin, val_interval, dynamic_intervals: As in MMEngine's
            ``IterBasedTrainLoop``, counted within each round; a round is
            also validated at its end.
    """

    key = 'lottery'
    config_key = 'train_cfg'
    read = Rounds.read

    def __init__(self,
                 runner: Any,
                 dataloader: Any,
                 max_iters: int,
                 rounds: int = 10,
                 rewind: str | dict[str, str] = 'theta0',
                 dense: str | None = None,
                 redraw_seed: int | None = None,
                 **validation: Any) -> None:
        self.rounds = self.read(
            dict(
                max_iters=max_iters, rounds=rounds, rewind=rewind,
                dense=dense, redraw_seed=redraw_seed, **validation))
        super().__init__(runner, dataloader, max_iters, **validation)
        self._max_iters = self.shape.iterations
        self._schedulers = bound_schedulers(runner.param_schedulers,
                                            max_iters)
        runner.param_schedulers = self._schedulers

    @property
    def shape(self) -> Any:
        """The parts of the run."""
        return self.rounds.shape

    # -- a mechanism of the run's state ----------------------------------

    def settings(self) -> dict[str, Any]:
        return self.rounds.settings()

    def state_dict(self) -> dict[str, Any]:
        # What a round is made of lies in snapshots, masks and the record.
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to take back: the iteration says where the run is."""

    def summary(self) -> dict[str, dict[str, Any]]:
        return {}

    # -- running -----------------------------------------------------------

    def run(self) -> Any:
        """Train."""
        runner = self.runner
        self._state = state = RunState.of(runner)
        hooks = [h for h in runner.hooks if isinstance(h, SparsityHook)]
        self._sparsity = hooks[0] if hooks else None
        self.rounds.check(state.context, hooks, resumed=self._iter > 0)
        self._snapshots = Snapshots(state.context.model,
                                    state.context.networks,
                                    Path(runner.work_dir) / 'snapshots')
        state.add(self)
        if self._iter == 0 and self.rounds.dense is not None:
            # Before masks are made: some rank what has been loaded.
            self._take_dense()
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        if self._iter:
            self._go_on()
        while self._iter < self._max_iters and not self.stop_training:
            number, local = self.rounds.at(self._iter)
            if local == 0:
                # Nothing here may move what training draws from.
                with rng.isolated():
                    self._begin(number)
            self._snapshot_late(number, local)
            runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._after_iter(number, local + 1)
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    def _go_on(self) -> None:
        """Find the way back into a run that was killed."""
        print_log(
            f'Advance dataloader {self._iter} steps to skip data that has '
            'already been trained', logger='current')
        for _ in range(self._iter):
            next(self.dataloader_iterator)
        number, local = self.rounds.at(self._iter)
        if local:
            self._enter(number)
        elif not self._state.closed(number - 1):
            # Killed between the hook's checkpoint and ours, which is going
            # to hold the generators as they are now.
            self._state.restore_rng()
            self._enter(number - 1)
            self._end(number - 1)

    def run_iter(self, data_batch: Any) -> None:
        """One iteration, under the counter of the round."""
        runner = self.runner
        runner.call_hook('before_train_iter', batch_idx=self._iter,
                         data_batch=data_batch)
        number, local = self.rounds.at(self._iter)
        first = self.rounds.first if number else 0
        # Models take their turns, and warm up their EMA, by this number.
        runner.message_hub.update_info('iter', first + local)
        outputs = runner.model.train_step(
            data_batch, optim_wrapper=runner.optim_wrapper)
        runner.call_hook('after_train_iter', batch_idx=self._iter,
                         data_batch=data_batch, outputs=outputs)
        self._iter += 1

    def _after_iter(self, number: int, done: int) -> None:
        length = self.rounds.length - (self.rounds.first if number else 0)
        if done == length:
            self._end(number)
            return
        self._decide_current_val_interval()
        if (self.runner.val_loop is not None and done >= self.val_begin
                and done % self.val_interval == 0):
            self.runner.val_loop.run()

    def _decide_current_val_interval(self) -> None:
        # The milestones are those of a round.
        whole, self._iter = self._iter, self.rounds.at(self._iter)[1]
        super()._decide_current_val_interval()
        self._iter = whole

    # -- between rounds ----------------------------------------------------

    def _enter(self, number: int) -> None:
        """Let files and record be those of a round."""
        extra = {'ticket': f'{_folder(number)}/ticket.safetensors'}
        self._state.open_round(number, **(extra if number else {}))
        use_folder(self.runner, _folder(number))

    def _end(self, number: int) -> None:
        """Evaluate the round and keep where it ended."""
        if self.runner.val_loop is not None:
            self.runner.val_loop.run()
        if number == 0:
            self._save('dense_final')
        path = checkpoint_path(self.runner, _folder(number))
        self._state.close_round(
            checkpoint=os.path.relpath(path, self.runner.work_dir))
        save_checkpoint(self.runner, _folder(number))

    def _begin(self, number: int) -> None:
        forget_checkpoints(self.runner)
        self._enter(number)
        if self._iter == 0:
            if self.rounds.dense is None:
                self._save('theta0')
            if 'other_seed' in self.rounds.sources.values():
                self._redraw()
        if number == 0:
            return
        for hook in self.runner.hooks:
            if isinstance(hook, CompressionHook):
                hook.begin_round(number, self._state)
        networks = self._state.context.networks
        self._rewind()
        for network in networks.values():
            masked = MaskedNetwork.of(network.module)
            if masked is not None:
                masked.apply_()
            restart_average(self._state.context.model, network)
        wrappers = [*self._state.context.wrappers.values(),
                    *self._state.companions()]
        for wrapper in wrappers:
            fresh_optimizer(wrapper)
        fresh_schedulers(self.runner, self._schedulers, self.rounds.first)
        self._write_ticket(number)
        print_log(f'Round {number} of {self.rounds.count} begins: '
                  f'{self._words()}', logger='current')

    def _take_dense(self) -> None:
        """Copy the snapshots of another run, and start where it ended."""
        source = Path(self.rounds.dense) / 'snapshots'
        for name in {'theta0', 'dense_final', *self.rounds.late}:
            if is_main_process():
                write_whole(self._snapshots.path(name),
                            (source / f'{name}.pth').read_bytes())
        barrier()
        self._load('dense_final')

    def _save(self, name: str, **info: Any) -> None:
        context = self._state.context
        self._snapshots.save(
            name, family=context.family.state(context.model), **info)

    def _load(self, name: str, networks: list[str] | None = None) -> None:
        try:
            self._snapshots.load(name, networks)
        except MMGanCompError as error:
            where = ('train_cfg.dense' if self.rounds.dense is not None else
                     'train_cfg.rewind')
            raise ConfigError.at(
                where, self.rounds.dense or self.rounds.sources,
                f'{error}; the run needs its folder snapshots whole'
            ) from error

    def _rewind(self) -> None:
        """Put all networks back, and what the generators' state goes with."""
        context, sources = self._state.context, self.rounds.sources
        for name, source in sources.items():
            if source != 'keep':
                self._load(source, [name])
        leader = next(sources[n.name] for n in context.networks.values()
                      if n.role == 'generator')
        if leader != 'keep':
            # Running means of losses, buffers of fakes, counters of turns.
            info = self._snapshots.load_rest(leader)
            context.family.load_state(context.model,
                                      info.get('family', {}))

    def _redraw(self) -> None:
        """Draw the initial weights once more, with another seed."""
        seed = self.rounds.redraw_seed
        if seed is None:
            seed = self._state.context.seed + 1
        with rng.isolated():
            set_random_seed(seed)
            model = MODELS.build(self.runner.cfg.model)
            model.init_weights()
        family = families.of(model)
        Snapshots(model, family.networks(model),
                  self._snapshots.path('other_seed').parent).save(
                      'other_seed', seed=seed, family=family.state(model))

    def _snapshot_late(self, number: int, local: int) -> None:
        if number == 0:
            for name, at in self.rounds.late.items():
                if at == local:
                    self._save(name, iteration=at)

    def _masked(self) -> dict[str, MaskedNetwork]:
        return self._sparsity.networks() if self._sparsity else {}

    def _write_ticket(self, number: int) -> None:
        masked = self._masked()
        if masked and is_main_process():
            write_ticket(
                Path(self.runner.work_dir) / _folder(number)
                / 'ticket.safetensors', masked, {
                    name: get_state_dict(m.network)
                    for name, m in masked.items()
                }, {'round': number, 'rewind': self.rounds.sources,
                    'iteration': self.rounds.first})
        barrier()

    def _words(self) -> str:
        kept = ', '.join(
            f'{name} keeps {m.survivors:,} of {m.maskable:,} weights '
            f'({m.density:.2%})' for name, m in self._masked().items())
        back = ', '.join(f'{name} from {source}'
                         for name, source in self.rounds.sources.items())
        return f'{kept or "no masks"}; {back}'


def _folder(number: int) -> str:
    return f'round_{number:02d}'

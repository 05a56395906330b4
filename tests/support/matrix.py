"""Run one cell of the matrix and judge it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.runner import Runner

from mmgancomp import families
from mmgancomp.sparsity import SCHEDULES, MaskedNetwork
from mmgancomp.sparsity.packed import save_packed
from tests.support import half, runs, tiny  # noqa: F401
from tests.support.cells import UPDATES, Case

__all__ = ['build', 'judge', 'run_cell']


def build(case: Case, work_dir: Path, *, masks: bool = True,
          updates: int = UPDATES, **overrides: Any) -> Any:
    """The config of a cell; ``masks=False`` is its control."""
    # The same ticket each time: a resumed run must not meet another one.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = tiny.model(case.family)
    hooks = {}
    if masks:
        ticket = work_dir / 'ticket.safetensors'
        if case.schedule == 'Fixed' and get_rank() == 0:
            _write_ticket(case, model, ticket)
        hooks = dict(sparsity=case.sparsity(model, str(ticket)))
    accumulation = 2 if case.condition == 'accumulation' else 1
    half_precision = case.condition == 'amp'
    wrappers = {}
    for network in families.of(model).networks(model).values():
        wrappers[network.optimizer] = dict(
            accumulative_counts=accumulation, clip_grad=dict(max_norm=10.))
        if half_precision:
            wrappers[network.optimizer]['type'] = 'HalfOptimWrapper'
    iterations = updates * accumulation**2
    if SCHEDULES.get(case.schedule).by_rounds:
        # The dense training, then rounds, in as many iterations together.
        rounds = 4 if updates >= 40 else 1
        overrides['train_cfg'] = dict(
            _delete_=True, type='mmgancomp.LotteryTicketLoop',
            max_iters=iterations // (rounds + 1), rounds=rounds)
    return tiny.config(
        case.family,
        work_dir,
        iterations=iterations,
        checkpoint=iterations // 2 + 1,
        default_hooks=hooks,
        optim_wrapper=wrappers,
        **overrides)


def _write_ticket(case: Case, model: Any, path: Path) -> None:
    network = next(n for n in families.of(model).networks(model).values()
                   if n.role == 'generator')
    masked = MaskedNetwork(network.module,
                           families.of(model).convolutions(network.module))
    masked.prune(0.25, allocation='uniform')
    save_packed(path, dict(masked.weights), masked.masks)


def run_cell(case: Case, work_dir: Path,
             masks: bool = True) -> tuple[Runner, runs.Watch]:
    """Train a cell; for ``resume`` half of it is trained twice."""
    config = build(case, work_dir / 'whole', masks=masks)
    watch = runs.Watch()
    runner = runs.train(config, watch)
    if case.condition == 'resume' and masks:
        point = UPDATES // 2 + 1
        config = build(case, work_dir / 'resumed')
        runs.train(
            runs.resume_from(config, work_dir / 'whole', point), watch)
        ends = [
            runs.training_state(
                runs.load(runs.checkpoint(work_dir / part, UPDATES)))
            for part in ('whole', 'resumed')
        ]
        assert runs.differences(*ends) == []
    return runner, watch


def judge(case: Case, runner: Runner, watch: runs.Watch) -> list[str]:
    """What is wrong with a finished run; empty when the masks acted."""
    faults = list(watch.violations)
    model = families.base.bare(runner.model)
    for name, network in families.of(model).networks(model).items():
        masked = MaskedNetwork.of(network.module)
        if masked is None:
            faults.append(f'{name} has no masks')
            continue
        faults += _wrong_counts(case, network.role, name, masked, watch)
        wrapper = runner.optim_wrapper[network.optimizer]
        if case.condition == 'amp' and wrapper.skipped != 1:
            faults.append(f'{name}: {wrapper.skipped} steps were skipped')
    scalars = runner.message_hub.log_scalars
    faults += [
        f'{name} is not in the log' for name in watch.kept
        if f'train/sparsity/{name}' not in scalars
    ]
    return faults


def _wrong_counts(case: Case, role: str, name: str, masked: MaskedNetwork,
                  watch: runs.Watch) -> list[str]:
    """Final counts: exact for elements, within a group otherwise."""
    faults, total = [], masked.maskable
    wanted = total / 2 if case.granularity == 'n:m' else total / 4
    # Rounding is per layer, except in a global ranking.
    slack = {'element': len(masked.masks), 'n:m': 0}.get(case.granularity)
    if slack is None:
        slack = sum(m.numel() // min(m.shape[:2].numel(), m.numel())
                    * max(m.shape) for m in masked.masks.values())
    if abs(masked.survivors - wanted) > slack + 1:
        faults.append(f'{name} keeps {masked.survivors} of {total}')
    for key, weight in masked.weights.items():
        alive = weight.detach() != 0
        if bool((alive & ~masked.masks[key]).any()):
            faults.append(f'{name}.{key} has a revived weight')
        if not bool(alive.any()):
            faults.append(f'{name}.{key} is empty')
    if case.schedule in ('AGP', 'IMP') and role == 'generator':
        counts = watch.kept[name]
        if not counts[0] > counts[-1]:
            faults.append(f'{name} was not pruned gradually: {counts}')
    if case.schedule == 'DropAndGrow':
        faults += _unmoved(name, masked, watch)
    return faults


def _unmoved(name: str, masked: MaskedNetwork,
             watch: runs.Watch) -> list[str]:
    """Masks that move: other positions, as many, and dense moments."""
    faults = []
    if len(set(watch.digests[name])) < 2:
        faults.append(f'{name}: the masks did not move')
    if len(set(watch.kept[name])) > 1:
        faults.append(f'{name}: the count moved: {watch.kept[name]}')
    if name not in watch.dense:
        faults.append(f'{name}: the moments of pruned weights are zero')
    return faults

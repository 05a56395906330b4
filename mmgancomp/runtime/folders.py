"""A folder of checkpoints, and a best one, for each part of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook

from mmgancomp.files import write_whole

if TYPE_CHECKING:
    from mmengine.runner import Runner

__all__ = [
    'checkpoint_path', 'forget_checkpoints', 'save_checkpoint', 'use_folder'
]


def _hooks(runner: Runner) -> list[CheckpointHook]:
    return [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]


def use_folder(runner: Runner, name: str) -> None:
    """Let the checkpoint hook write to a folder below its own from now on."""
    for hook in _hooks(runner):
        base = hook.__dict__.setdefault('_mmgancomp_base', hook.out_dir)
        hook.out_dir = str(Path(base) / name)


def forget_checkpoints(runner: Runner) -> None:
    """What was kept, and what was best, is past: it stays on disk."""
    info = runner.message_hub.runtime_info
    for key in [k for k in info if k.startswith(('best_score', 'best_ckpt'))]:
        del info[key]
    info.pop('keep_ckpt_ids', None)
    for hook in _hooks(runner):
        hook.best_ckpt_path = None
        for key in getattr(hook, 'best_ckpt_path_dict', {}):
            hook.best_ckpt_path_dict[key] = None
        getattr(hook, 'keep_ckpt_ids', []).clear()


def checkpoint_path(runner: Runner, name: str) -> Path:
    """Where :func:`save_checkpoint` would write now."""
    for hook in _hooks(runner):
        return Path(hook.out_dir) / hook.filename_tmpl.format(runner.iter)
    return Path(runner.work_dir) / name / f'iter_{runner.iter}.pth'


def save_checkpoint(runner: Runner, name: str) -> None:
    """Save the run as it is between two iterations.

    The checkpoint hook's own way of keeping count is used, so that the file
    is one of those that ``--resume`` finds and ``max_keep_ckpts`` counts.

    Args:
        runner: The run.
        name: Folder in the work folder, for a run without that hook.
    """
    meta = dict(epoch=runner.epoch, iter=runner.iter)
    hooks = _hooks(runner)
    for hook in hooks:
        hook._save_checkpoint_with_step(runner, runner.iter, meta)
    if hooks:
        return
    path = checkpoint_path(runner, name)
    runner.message_hub.update_info('last_ckpt', str(path))
    runner.save_checkpoint(
        str(path.parent), path.name, meta=meta, by_epoch=False)
    if is_main_process():
        write_whole(Path(runner.work_dir) / 'last_checkpoint', str(path))

"""Run a config, compare checkpoints bit by bit, watch masks at each step."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from mmgancomp import families
from mmgancomp.sparsity import MaskedNetwork

__all__ = [
    'Watch', 'checkpoint', 'differences', 'load', 'resume_from', 'train',
    'training_state'
]


class Watch(Hook):
    """Checks after every iteration that masks hold; counts what it saw.

    Attributes:
        violations: One line per pruned weight, gradient moment or EMA entry
            that was not zero.
        kept: Kept weights per network at the end of each iteration.
        digests: Fingerprint of the masks per network, likewise.
        dense: Networks whose optimizer remembered something of a pruned
            weight, as a schedule that grows weights wants it.
    """

    # After every hook of ours, before the checkpoint is written.
    priority = 'LOW'

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.kept: dict[str, list[int]] = {}
        self.digests: dict[str, list[str]] = {}
        self.dense: set[str] = set()

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: Any = None, outputs: Any = None) -> None:
        self.look(runner)

    def look(self, runner: Runner) -> None:
        model = families.base.bare(runner.model)
        growing = _growing(runner)
        for name, network in families.of(model).networks(model).items():
            masked = MaskedNetwork.of(network.module)
            if masked is None:
                continue
            self.kept.setdefault(name, []).append(masked.survivors)
            self.digests.setdefault(name, []).append(masked.digest())
            self._zero(runner, name, network.module, masked, 'weight')
            if network.ema is not None:
                self._zero(runner, name, network.ema, masked, 'EMA')
            optimizer = runner.optim_wrapper[network.optimizer].optimizer
            for key, weight in masked.weights.items():
                for kind, value in optimizer.state.get(weight, {}).items():
                    if (torch.is_tensor(value) and value.shape == weight.shape
                            and bool(value[~masked.masks[key]].any())):
                        if name in growing:
                            self.dense.add(name)
                        else:
                            self._note(runner, name, key, f'moment {kind}')

    def _zero(self, runner: Runner, name: str, module: nn.Module,
              masked: MaskedNetwork, what: str) -> None:
        for key, mask in masked.masks.items():
            if bool(module.get_parameter(key).detach()[~mask].any()):
                self._note(runner, name, key, what)

    def _note(self, runner: Runner, name: str, key: str, what: str) -> None:
        self.violations.append(f'iteration {runner.iter}: {name}.{key} {what}')


def _growing(runner: Runner) -> set[str]:
    """Networks in which pruned weights may come back."""
    return {
        name
        for hook in runner.hooks if getattr(hook, 'key', '') == 'sparsity'
        for name, pruned in hook._pruned.items()
        if not pruned.settings.schedule.static
    }


def train(config: Any, *hooks: Hook) -> Runner:
    """Train a config from a clean state of this process."""
    import mmgancomp.registry  # noqa: F401
    runner = Runner.from_cfg(config)
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


def checkpoint(work_dir: Path, iteration: int) -> Path:
    """The checkpoint of an iteration, in whatever round it lies."""
    return next(work_dir.rglob(f'iter_{iteration}.pth'))


def resume_from(config: Any, source: Path, iteration: int) -> Any:
    """Make ``config`` go on from one checkpoint of another work folder.

    As after a kill: the later checkpoints are not there.
    """
    folder = Path(config.work_dir)
    found = checkpoint(source, iteration)
    copy = folder / found.relative_to(source)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(found, copy)
    if (source / 'snapshots').is_dir():
        shutil.copytree(source / 'snapshots', folder / 'snapshots',
                        dirs_exist_ok=True)
    (folder / 'last_checkpoint').write_text(str(copy))
    config.resume = True
    return config


def load(path: Path) -> dict[str, Any]:
    """A checkpoint as anybody may open it."""
    return torch.load(path, map_location='cpu', weights_only=True)


def differences(one: Any, other: Any, path: str = '') -> list[str]:
    """Dotted paths at which two nested values are not bit-equal."""
    if torch.is_tensor(one) and torch.is_tensor(other):
        same = (one.dtype == other.dtype and one.shape == other.shape
                and one.numpy().tobytes() == other.numpy().tobytes())
        return [] if same else [path]
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            line for key in dict.fromkeys([*one, *other])
            for line in (differences(one[key], other[key], f'{path}.{key}') if
                         key in one and key in other else [f'{path}.{key}'])
        ]
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        if len(one) != len(other):
            return [path]
        return [
            line for i, (a, b) in enumerate(zip(one, other))
            for line in differences(a, b, f'{path}.{i}')
        ]
    return [] if one == other else [path]


def training_state(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The parts of a checkpoint that training depends on."""
    ours = checkpoint['mmgancomp']
    return {
        'state_dict': checkpoint['state_dict'],
        'optimizer': checkpoint['optimizer'],
        **{
            key: value
            for key, value in ours.items()
            if key not in ('message_hub', 'wall_s')
        }
    }

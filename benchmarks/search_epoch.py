"""An epoch of a search beside a plain loop of the same arithmetic.

The plain loop is written straight in torch: the networks, four optimizers,
the phases one after the other, no Runner, no hooks, no registry. Both end
with the same bits, which is asserted.
"""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.runner import Runner

import mmgancomp.registry  # noqa: F401
from mmgancomp.cli.common import load_config
from mmgancomp.search import architecture
from mmgancomp.search.edges import kept_buffers

__all__ = ['measure']

CONFIG = Path(__file__).parents[1] / (
    'configs/alphagan/alphagan-s-search_ggan_1xb32_digits-16x16.py')


def _batches(runner: Runner, config: Any) -> Any:
    # An iterator draws when it is made: not within an epoch.
    batches = iter(runner.build_dataloader(
        copy.deepcopy(config), seed=runner.seed, diff_rank_seed=False))
    return (_images(batch) for batch in batches)


def _images(batch: Any) -> torch.Tensor:
    images = torch.stack([s.gt_img for s in batch['data_samples']])
    return (images - 127.5) / 127.5


class Plain:
    """The search on digits, by hand.

    Args:
        runner: A search that has not begun; its weights are copied.
        steps: Of each phase in an epoch.
    """

    def __init__(self, runner: Runner, steps: int) -> None:
        config, model = runner.cfg, copy.deepcopy(runner.model)
        self.steps = steps
        self.generator, self.judge = model.generator, model.discriminator
        self.average = model.generator_ema.module
        self.momentum = model.generator_ema.momentum
        self.updates = 0
        self.worst_g = copy.deepcopy(self.generator).requires_grad_(False)
        self.worst_d = copy.deepcopy(self.judge).requires_grad_(False)
        options = dict(config.optim_wrapper.generator.optimizer)
        options.pop('type')
        networks = (self.generator, self.judge, self.worst_g, self.worst_d)
        self.adam = [torch.optim.Adam(n.parameters(), **options)
                     for n in networks]
        self.alphas = architecture(self.generator)
        design = dict(config.train_cfg.optimizer)
        design.pop('type')
        self.design = torch.optim.Adam(self.alphas, **design)
        self.training = _batches(runner, config.train_dataloader)
        self.held = _batches(runner, config.train_cfg.architecture_dataloader)
        for network in networks:
            network.train()

    def noise(self, count: int) -> torch.Tensor:
        return torch.randn(count, self.generator.noise_size)

    def epoch(self) -> None:
        """All phases."""
        for _ in range(self.steps):
            self._weights(next(self.training))
        self.worst_g.load_state_dict(self.generator.state_dict())
        self.worst_d.load_state_dict(self.judge.state_dict())
        for optimizer in self.adam[2:]:
            optimizer.state.clear()
        for _ in range(self.steps):
            images = next(self.held)
            with torch.no_grad(), kept_buffers(self.generator):
                fakes = self.generator(self.noise(len(images)))
            self.worst_d.requires_grad_(True)
            (-self._value(fakes, self.worst_d, images)).backward()
            self._finish(self.worst_d, self.adam[3])
        self.judge.requires_grad_(False)
        for _ in range(self.steps):
            self.worst_g.requires_grad_(True)
            with kept_buffers(self.judge):
                fakes = self.worst_g(self.noise(len(images)))
                (-self.judge(fakes).mean()).backward()
            self._finish(self.worst_g, self.adam[2])
        self.generator.requires_grad_(False)
        for _ in range(self.steps):
            self._architecture(next(self.held))
        self.judge.requires_grad_(True)
        self.generator.requires_grad_(True)

    def _weights(self, images: torch.Tensor) -> None:
        noise = self.noise(len(images))
        with torch.no_grad():
            fakes = self.generator(noise)
        (F.relu(1 + self.judge(fakes)).mean()
         + F.relu(1 - self.judge(images)).mean()).backward()
        self.adam[1].step()
        self.adam[1].zero_grad()
        self.judge.requires_grad_(False)
        (-self.judge(self.generator(self.noise(len(images)))).mean()
         ).backward()
        self.adam[0].step()
        self.adam[0].zero_grad()
        self.judge.requires_grad_(True)
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(),
                                   self.generator.parameters()):
                if self.updates:
                    mean.mul_(1 - self.momentum).add_(
                        value, alpha=self.momentum)
                else:
                    mean.copy_(value)
            for mean, value in zip(self.average.buffers(),
                                   self.generator.buffers()):
                mean.copy_(value)
        self.updates += 1

    def _finish(self, network: torch.nn.Module, optimizer: Any) -> None:
        optimizer.step()
        optimizer.zero_grad()
        network.requires_grad_(False)

    def _architecture(self, images: torch.Tensor) -> None:
        networks = (self.generator, self.judge, self.worst_g, self.worst_d)
        with kept_buffers(*networks):
            for alpha in self.alphas:
                alpha.requires_grad_(True)
            noise, other = self.noise(len(images)), self.noise(len(images))
            first = self._value(self.generator(noise), self.worst_d, images)
            with torch.no_grad():
                second = self._value(self.worst_g(other), self.judge, images)
            (first - second).backward()
        self.design.step()
        self.design.zero_grad()
        for alpha in self.alphas:
            alpha.requires_grad_(False)

    @staticmethod
    def _value(fakes: torch.Tensor, judge: Any,
               images: torch.Tensor) -> torch.Tensor:
        return -(F.relu(1 - judge(images)).mean()
                 + F.relu(1 + judge(fakes)).mean())


class _Begin(Hook):
    """Hands over before the first iteration, all being built and loaded."""

    def __init__(self, action: Any) -> None:
        self.before_train_epoch = action


def _paired(runner: Runner, plain: Plain, epochs: int) -> dict[str, Any]:
    """Epochs of either in turn, from the same random state."""
    loop, seconds = runner.train_loop, {'ours': [], 'plain': []}
    for _ in range(epochs):
        state = torch.get_rng_state()
        for name in seconds:
            torch.set_rng_state(state)
            start = time.process_time()
            if name == 'plain':
                plain.epoch()
            else:
                for _ in range(4 * plain.steps):
                    runner.model.train()
                    loop._iterate(loop.plan.at(loop._iter))
            seconds[name].append(time.process_time() - start)
        for network, other in ((plain.generator, runner.model.generator),
                               (plain.judge, runner.model.discriminator),
                               (plain.average,
                                runner.model.generator_ema.module)):
            for key, value in other.state_dict().items():
                assert torch.equal(value, network.state_dict()[key]), key
    return seconds


def measure(epochs: int = 5, steps: int = 4) -> dict[str, Any]:
    """Processor seconds of an epoch, ours and plain, and their ratio.

    Args:
        epochs: That count, after one that does not.
        steps: Of each phase.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(str(CONFIG))
        config.work_dir = folder
        config.log_level = 'ERROR'
        config.train_cfg.update(dict(
            epochs=epochs + 1, inner_steps=steps, worst_steps=steps,
            worst_lr_half_after=epochs + 1))
        config.train_cfg.outer_steps = steps
        config.default_hooks.checkpoint.interval = 10**6
        config.default_hooks.checkpoint.save_last = False
        for part in ('val', 'test'):
            for key in ('dataloader', 'cfg', 'evaluator'):
                config[f'{part}_{key}'] = None
        runner = Runner.from_cfg(config)
        found: dict[str, Any] = {}

        def instead(*_: Any) -> None:
            plain = Plain(runner, steps)
            found.update(_paired(runner, plain, epochs + 1))
            runner.train_loop.stop_training = True

        runner.register_hook(_Begin(instead), 'LOWEST')
        runner.train()
    ratios = [a / b for a, b in zip(found['ours'][1:], found['plain'][1:])]
    return {
        'steps_per_phase': steps,
        **{f'{name}_s': round(statistics.median(times[1:]), 4)
           for name, times in found.items()},
        'ratio_median': round(statistics.median(ratios), 4),
        'ratio_of_minima': round(
            min(found['ours'][1:]) / min(found['plain'][1:]), 4),
        'equal_bits': True
    }

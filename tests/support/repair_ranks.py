"""Trains in two processes and compares their weights.

Run as a script in every process of a group, with the case names as
arguments; rank 0 prints one JSON object, case -> what was seen.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings

import torch
from torch import distributed

UPDATES = 3


def _digest(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def _different(model):
    """Number of parameters that differ between the ranks, and of all."""
    mine = _digest(model)
    everyone = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    different = sum(
        not all(torch.equal(mine[name], other[name]) for other in everyone)
        for name in mine)
    return [different, len(mine)]


def _config(family, *, wrapper='stock', accumulate=1, **overrides):
    import tiny
    if wrapper == 'ours':
        overrides['model_wrapper_cfg'] = dict(
            type='mmgancomp.DomainDistributedDataParallel')
    # Each rank writes its own config file, so that none reads half of it.
    config = tiny.config(
        family,
        tempfile.mkdtemp(),
        iterations=(UPDATES if accumulate == 1 else 2) * accumulate**2,
        checkpoint=10**6,
        launcher='pytorch',
        log_level='ERROR',
        randomness=dict(seed=3),
        experiment_name=f'{family}_{wrapper}_{accumulate}_{len(overrides)}',
        **overrides)
    for name, options in config.optim_wrapper.items():
        if name != 'constructor':
            options.accumulative_counts = accumulate
    return config


def _train(config):
    from mmengine.runner import Runner
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def train(family, wrapper, accumulate):
    """Train one family; its weights must move, and alike on all ranks."""
    runner = _train(
        _config(family, wrapper=wrapper, accumulate=int(accumulate)))
    return dict(
        different=_different(runner.model),
        wrapper=type(runner.model).__name__)


def same(family, wrapper, accumulate):
    """Both wrappers average the same gradients.

    By SGD, since Adam would hide a wrong scale and blow up rounding.

    Returns:
        How far the weights of the two ends lie apart, and how far they
        moved.
    """
    from mmengine.hooks import Hook
    from mmengine.runner import Runner
    names = ('generators', 'discriminators')
    sgd = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01))

    class Start(Hook):

        def before_train(self, runner):
            self.weights = _stock_digest(runner.model)

    ends = []
    for kind in ('stock', wrapper):
        runner = Runner.from_cfg(
            _config(
                family,
                wrapper=kind,
                accumulate=int(accumulate),
                optim_wrapper=dict.fromkeys(names, sgd)))
        start = Start()
        runner.register_hook(start)
        runner.train()
        ends.append(_stock_digest(runner.model))
    return [_apart(*ends), _apart(start.weights, ends[0])]


def _stock_digest(model):
    return {
        name.replace('module.', ''): value
        for name, value in _digest(model).items()
    }


def _apart(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def late(family, *_):
    """Repairs arrive only when the hooks are registered."""
    from mmengine.runner import Runner

    from mmgancomp import repairs
    assert repairs.repairs()[0].status == 'not installed'
    runner = Runner.from_cfg(
        _config(family, model_wrapper_cfg=dict(device_ids=None)))
    repairs.install()
    runner.train()
    return dict(different=_different(runner.model))


class _CpuAmp:
    """Made into an AmpOptimWrapper that needs no accelerator, for tests."""

    def __new__(cls, optimizer, **kwargs):
        from mmengine.optim import AmpOptimWrapper, OptimWrapper

        class CpuAmpOptimWrapper(AmpOptimWrapper):

            def __init__(self):
                OptimWrapper.__init__(self, optimizer=optimizer, **kwargs)
                self._scale_update_param = None
                self.cast_dtype = None
                self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=8.)

        return CpuAmpOptimWrapper()


class _Toy(torch.nn.Module):

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.generators = torch.nn.ModuleDict(dict(a=torch.nn.Linear(4, 1)))

    def train_step(self, data, optim_wrapper):
        network = self.generators.module['a']
        optim_wrapper['generators'].update_params(network(data).sum())


def amp(*_):
    """An overflow on one rank is one on all: they skip the same step."""
    from mmengine.model import MMSeparateDistributedDataParallel
    from mmengine.optim import OptimWrapperDict
    wrapper = MMSeparateDistributedDataParallel(_Toy())
    optimizer = torch.optim.SGD(wrapper.parameters(), lr=0.1)
    optimizers = OptimWrapperDict(
        generators=_CpuAmp(optimizer, clip_grad=dict(max_norm=1.)))
    rank = distributed.get_rank()
    seen = []
    for step in range(3):
        data = torch.full((1, 4), float(rank + step))
        if step == 1 and rank == 1:
            data[0, 0] = float('inf')
        before = wrapper.module.generators.module['a'].weight.clone()
        wrapper.train_step(data, optimizers)
        after = wrapper.module.generators.module['a'].weight
        seen.append([
            bool((before != after).any()),
            optimizers['generators'].loss_scaler.get_scale(),
            _different(wrapper)[0]
        ])
    return seen


def averages(*_):
    """All-reduces per update: one, with the mean of both ranks in it."""
    from mmengine.model import MMSeparateDistributedDataParallel
    from mmengine.optim import OptimWrapper, OptimWrapperDict
    wrapper = MMSeparateDistributedDataParallel(_Toy())
    optimizer = torch.optim.SGD(wrapper.parameters(), lr=1.)
    optimizers = OptimWrapperDict(
        generators=OptimWrapper(optimizer, accumulative_counts=2))
    weight = wrapper.module.generators.module['a'].weight
    start = weight.clone()
    calls = []
    reduce = distributed.all_reduce

    def counted(*args, **kwargs):
        calls.append(1)
        return reduce(*args, **kwargs)

    distributed.all_reduce = counted
    try:
        for _ in range(4):
            wrapper.train_step(
                torch.full((1, 4), float(distributed.get_rank())), optimizers)
    finally:
        distributed.all_reduce = reduce
    # Two updates by the mean gradient of 0 and 1.
    return [len(calls), float((start - weight).mean())]


def main():
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    cases = sys.argv[1:]
    if cases[0].startswith('late'):
        # As under a script that knows nothing of us, but on a CPU.
        distributed.init_process_group('gloo')
    else:
        import mmgancomp.registry  # noqa: F401
    results = {}
    for case in cases:
        function, *arguments = case.split(':')
        results[case] = globals()[function](*arguments)
    if os.environ['RANK'] == '0':
        print('\n' + json.dumps(results))
    distributed.destroy_process_group()


if __name__ == '__main__':
    main()

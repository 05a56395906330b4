"""What a teacher costs per training step, beside what it must cost.

A step with the teacher's discriminator can't be cheaper than the stock step
and one pass of that discriminator forward and back to its input; one with
the features of its generator, than the stock step and a forward pass. All
of these run in turn in one process, and so does the same step in plain
torch, whose weights must come out equal.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.optim import OptimWrapperDict
from mmengine.registry import DefaultScope
from torch import nn

import mmgancomp.registry  # noqa: F401
from mmgancomp import families
from mmgancomp.distillation.hook import DistillationHook
from mmgancomp.runtime.building import build_model
from mmgancomp.runtime.planning import context_of
from mmgancomp.runtime.update import OptimizerUpdates

from .callbacks import STOCK, TINY, batch
from .memory import peak
from .rival_teacher import FEATURE, GUIDE, Paired, Sampled, adversarial
from .timing import alternate, spread

__all__ = ['CASES', 'LIMIT', 'TERMS', 'measure']

LIMIT = 1.05
"""What a term may take, in passes of its teacher."""

CASES: dict[str, tuple[str, dict[str, Any], list[str], int, int]] = {
    'tiny SNGAN-projection': ('SNGAN-projection 32', TINY, ['block2'], 8, 60),
    'SNGAN-projection 32': ('SNGAN-projection 32', {}, ['block2'], 8, 10),
    'BigGAN 32': ('BigGAN 32', {}, ['block2'], 8, 10),
    'Pix2Pix 256': ('Pix2Pix 256', {}, ['up2'], 1, 10),
}
"""Name → stock config, overrides, feature points, batch size, repeats."""

TERMS = ('discriminator', 'features')


def _model(name: str, more: dict[str, Any], seed: int) -> tuple[Any, Any]:
    """A stock model that makes an update of each network per iteration."""
    path, edge = STOCK[name]
    config = Config.fromstring(f"_base_ = 'mmagic::{path}'", '.py')
    config.merge_from_dict(dict(model=more))
    if edge < 256 or name.startswith('StyleGAN2'):
        # The average is nobody's cost here.
        config.model.ema_config = None
        config.model.discriminator_steps = 1
    torch.manual_seed(seed)
    model = build_model(config)
    model.init_weights()
    return config, model.train()


def _stepper(model: nn.Module, wrappers: dict[str, Any],
             hook: DistillationHook | None = None) -> Callable[..., None]:
    together = OptimWrapperDict(**wrappers)

    def step(data: dict[str, Any]) -> None:
        if hook:
            hook.before_train_iter(None, 0)
        model.train_step(data, together)
        if hook:
            hook.after_train_iter(None, 0)

    return step


def _hook(context: Any, term: str, checkpoint: Path,
          features: list[str]) -> DistillationHook:
    spec = (dict(type='TeacherAdversarialLoss', loss_weight=GUIDE)
            if term == 'discriminator' else dict(
                type='FeatureL1Loss', layers=features, loss_weight=FEATURE))
    hook = DistillationHook(
        teacher=dict(checkpoint=str(checkpoint)), generator=dict(term=spec))
    hook.prepare(context)
    updates = {key: OptimizerUpdates(context.wrappers[key])
               for key in context.wrappers}
    state = SimpleNamespace(resumed=False, updates=updates.__getitem__,
                            runner=SimpleNamespace(iter=0))
    hook.attach(state)
    hook.begin(state)
    return hook


def _networks(model: nn.Module) -> dict[str, nn.Module]:
    """Role → the network that the benchmark is about."""
    found: dict[str, nn.Module] = {}
    for network in families.of(model).networks(model).values():
        found.setdefault(network.role, network.module)
    return found


def _plain(name: str, model: nn.Module, wrappers: dict[str, Any],
           teacher: nn.Module, features: list[str]) -> Callable[..., None]:
    twins = _networks(teacher)
    for network in twins.values():
        network.eval().requires_grad_(False)
    points = families.of(model).feature_points(_networks(model)['generator'])
    kind = Paired if name.startswith('Pix2Pix') else Sampled
    optimizers = [
        wrapper.optimizer
        for role in ('generator', 'discriminator')
        for key, wrapper in wrappers.items() if key.startswith(role)
    ]
    return kind(model, tuple(optimizers), twins,
                [points[point].path for point in features])


def _alone(teacher: nn.Module, term: str, size: int) -> Callable[[], None]:
    """What the term can't do without: one pass of one network."""
    role = 'discriminator' if term == 'discriminator' else 'generator'
    network = _networks(teacher)[role]
    args, kwargs = families.of(teacher).example_call(
        network, size, torch.Generator().manual_seed(0))
    loss = adversarial(teacher)

    def forward() -> None:
        with torch.no_grad():
            network(*args, **kwargs)

    def there_and_back() -> None:
        image = args[0].detach().requires_grad_(True)
        value = loss(network(image, *args[1:], **kwargs), 'generator')
        torch.autograd.grad(value, image)

    return there_and_back if role == 'discriminator' else forward


def _differences(one: nn.Module, other: nn.Module) -> list[str]:
    theirs = other.state_dict()
    return [key for key, value in one.state_dict().items()
            if not torch.equal(value, theirs[key])]


def measure(case: str, term: str) -> dict[str, Any]:
    """Train with and without the teacher; see what it adds.

    Args:
        case: A key of :data:`CASES`.
        term: One of :data:`TERMS`.

    Returns:
        Milliseconds of a step (``stock``, ``teacher in it``, ``plain
        torch``) and of the ``teacher alone``; ``passes``: what the term
        added, in passes of the teacher; peak memory in MB likewise.

    Raises:
        AssertionError: If ours and plain torch end with other weights, or
            the teacher changes nothing.
    """
    name, more, features, size, repeats = CASES[case]
    MMLogger.get_instance('benchmarks', log_level='ERROR')
    hub = MessageHub.get_current_instance()
    # No iteration of a lazy penalty.
    hub.update_info('iter', 1)
    data = batch(STOCK[name][1], name.startswith('Pix2Pix'), size)
    with DefaultScope.overwrite_default_scope('mmagic'), \
            tempfile.TemporaryDirectory() as folder:
        _, teacher = _model(name, more, seed=1)
        checkpoint = Path(folder) / 'teacher.pth'
        torch.save(dict(state_dict=teacher.state_dict()), checkpoint)
        models, steps = {}, {}
        for who in ('stock', 'teacher in it', 'plain torch'):
            config, model = _model(name, more, seed=0)
            context = context_of(config, model)
            models[who] = model
            if who == 'plain torch':
                steps[who] = _plain(
                    name, model, context.wrappers, teacher,
                    features if term == 'features' else [])
            else:
                hook = (_hook(context, term, checkpoint, features)
                        if who != 'stock' else None)
                steps[who] = _stepper(model, context.wrappers, hook)
        calls = {who: _seeded(step, data) for who, step in steps.items()}
        calls['teacher alone'] = _alone(teacher, term, size)
        seconds = alternate(calls, repeats)
        assert not _differences(models['teacher in it'],
                                models['plain torch'])
        assert _differences(models['teacher in it'], models['stock'])
        held = {who: peak(call) for who, call in calls.items()}
    return {'batch': size, 'repeats': repeats,
            'step_ms': {who: spread(taken)
                        for who, taken in seconds.items()},
            'passes': _passes({w: min(t) for w, t in seconds.items()}),
            'limit': LIMIT,
            'peak_mb': {who: round(most / 1e6, 2)
                        for who, most in held.items()},
            'peak_passes': _passes(held)}


def _seeded(step: Callable[..., None],
            data: dict[str, Any]) -> Callable[[], None]:
    """Each call of a step draws the numbers that its rivals draw."""
    count = iter(range(10**9))

    def call() -> None:
        torch.manual_seed(next(count))
        step(data)

    return call


def _passes(cost: dict[str, float]) -> dict[str, float]:
    """What is added to the stock step ÷ one pass of the teacher."""
    alone = cost['teacher alone']
    return {who: round((cost[who] - cost['stock']) / alone, 3)
            for who in ('teacher in it', 'plain torch')}

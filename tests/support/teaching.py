"""Teachers for the tiny configs, and an eye on what they are asked."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmgancomp import families
from tests.support import tiny

__all__ = ['WIDER', 'Eye', 'distilling', 'hook_of', 'teacher_of']

WIDER = dict(
    stylegan2=dict(),
    biggan=dict(
        generator=dict(base_channels=6), discriminator=dict(base_channels=6)),
    sagan=dict(
        generator=dict(base_channels=24), discriminator=dict(
            base_channels=24)),
    sngan_proj=dict(
        generator=dict(base_channels=24), discriminator=dict(
            base_channels=24)),
    dcgan=dict(
        generator=dict(base_channels=48), discriminator=dict(base_channels=12)
    ),
    searched=dict(
        generator=dict(base_channels=12), discriminator=dict(base_channels=12)
    ),
    cyclegan=dict(
        generator=dict(base_channels=12), discriminator=dict(
            base_channels=12)),
    pix2pix=dict(
        generator=dict(base_channels=12), discriminator=dict(
            base_channels=12)),
    srgan=dict(
        generator=dict(mid_channels=12), discriminator=dict(mid_channels=6)),
    esrgan=dict(
        generator=dict(mid_channels=12), discriminator=dict(mid_channels=6)))
"""Family → settings that make every network wider than the tiny one."""


def teacher_of(family: str, folder: Path, wider: bool = False,
               seed: int = 1, **more: Any) -> dict[str, Any]:
    """Options of a teacher, with its config and checkpoint in ``folder``.

    Args:
        family: A key of ``tiny.FAMILIES``.
        folder: Where the files go.
        wider: Whether its networks are wider than the student's.
        seed: Of its weights.
        **more: Further options.
    """
    import mmgancomp.registry  # noqa: F401, the repairs
    settings = deepcopy(WIDER[family]) if wider else {}
    name = f'{family}-{"wide" if wider else "like"}-{seed}'
    config = tiny.config(family, folder / name, model=settings)
    path = folder / name / 'teacher.pth'
    if not path.is_file():
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = tiny.model(family, **settings)
            model.init_weights()
            _settle(model)
        torch.save(dict(state_dict=model.state_dict()), path)
    return dict(config=config.filename, checkpoint=str(path), **more)


@torch.no_grad()
def _settle(model: torch.nn.Module) -> None:
    """Let running statistics and spectral norms find their place.

    In eval mode a network works with what training has left there.
    """
    family = families.of(model)
    generator = torch.Generator().manual_seed(0)
    for network in family.networks(model).values():
        size = 32 if 's.' in network.name else None
        for module in filter(None, (network.module, network.ema)):
            for _ in range(6):
                args, kwargs = family.example_call(module, 4, generator, size)
                module.train()(*args, **kwargs)
        if hasattr(network.module, 'linear1'):
            # Untrained, this kind hardly tells one image from another.
            network.module.linear1.weight *= 5
            network.module.linear2.weight *= 5


def distilling(family: str, folder: Path, *, teacher: Any,
               generator: Any = None, discriminator: Any = None,
               hook: dict[str, Any] | None = None,
               **overrides: Any) -> Any:
    """A tiny config with a teacher."""
    entry = dict(
        type='mmgancomp.DistillationHook', teacher=teacher, **(hook or {}))
    if generator is not None:
        entry['generator'] = generator
    if discriminator is not None:
        entry['discriminator'] = discriminator
    hooks = {**overrides.pop('default_hooks', {}), 'distillation': entry}
    return tiny.config(family, folder, default_hooks=hooks, **overrides)


def hook_of(runner: Runner) -> Any:
    """The distillation hook of a runner."""
    return next(hook for hook in runner.hooks
                if getattr(hook, 'key', None) == 'distillation')


class Eye(Hook):
    """Sees the terms' values, their gradients at G, and the teacher.

    Attributes:
        values: Per term its values, in order.
        gradients: Per term the largest gradient that it alone has on the
            parameters of the loss's networks.
        before: Teachers' state before training.
    """

    priority = 'LOW'

    def __init__(self, gradients: bool = True) -> None:
        self.values: dict[str, list[float]] = {}
        self.gradients: dict[str, list[float]] = {}
        self.before: dict[str, Any] = {}
        self._look = gradients

    def before_train(self, runner: Runner) -> None:
        hook = hook_of(runner)
        self.before = states(hook)
        for name, entry in hook.cast.terms.items():
            entry.term.register_forward_hook(
                self._watch(runner, name, entry.place))

    def _watch(self, runner: Runner, name: str, place: str) -> Any:
        model = families.base.bare(runner.model)
        networks = families.of(model).networks(model)
        parameters = [
            p for n in networks.values() if n.role == place
            for p in n.module.parameters()
        ]

        def look(term: Any, args: tuple, value: torch.Tensor) -> None:
            self.values.setdefault(name, []).append(value.item())
            if self._look and len(self.gradients.get(name, ())) < 3:
                found = torch.autograd.grad(
                    value, parameters, retain_graph=True, allow_unused=True)
                self.gradients.setdefault(name, []).append(
                    max((g.abs().max().item()
                         for g in found if g is not None), default=0.))

        return look


def states(hook: Any) -> dict[str, Any]:
    """Copies of all weights and buffers of a hook's teachers."""
    return {
        name: {
            network: {k: v.clone() for k, v in state.items()}
            for network, state in loaded.teacher.state_dict().items()
        }
        for name, loaded in hook.cast.teachers.items()
    }

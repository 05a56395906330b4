"""Gradients of several networks over processes."""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Iterator
from types import ModuleType

import wrapt
from torch import nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ['average_domains', 'no_sync', 'whole_no_sync']


def average_domains(module: ModuleType) -> None:
    """Average what the stock wrapper of several networks leaves apart.

    Translation models hold their networks in a dictionary of modules. The
    wrapper wraps the dictionary, the model takes networks out of it, and so
    the forward that would arrange the averaging is never entered. The
    optimizers are met in ``train_step``, which is looked up on the class at
    every iteration: it does not matter when the wrapper was made.
    """
    seen = weakref.WeakSet()

    def repaired(wrapped, instance, args, kwargs):
        optimizers = args[1] if len(args) > 1 else kwargs['optim_wrapper']
        if optimizers not in seen:
            seen.add(optimizers)
            _attach(instance, optimizers)
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(
        module, 'MMSeparateDistributedDataParallel.train_step', repaired)


def _apart(wrapper: nn.Module) -> set[nn.Parameter]:
    """Parameters that no wrapper averages: those of wrapped containers."""
    return {
        parameter
        for child in wrapper.module.children()
        if isinstance(child, DistributedDataParallel) and isinstance(
            child.module, (nn.ModuleDict, nn.ModuleList))
        for parameter in child.parameters()
    }


def _attach(wrapper: nn.Module, optimizers) -> None:
    from mmengine.optim import OptimWrapperDict
    apart = _apart(wrapper)
    if not apart:
        return
    several = isinstance(optimizers, OptimWrapperDict)
    for optim_wrapper in optimizers.values() if several else [optimizers]:
        mine = [
            parameter for group in optim_wrapper.optimizer.param_groups
            for parameter in group['params'] if parameter in apart
        ]
        if mine:
            # The instance's step, whatever its class: with AMP gradients
            # are still scaled here, so an overflow on one rank is one on
            # all and they skip the same steps; with accumulation there is
            # one average per update.
            step = functools.partial(_averaged_step, mine,
                                     optim_wrapper.step)
            # Schedulers count steps by wrapping the method, once; what is
            # wrapped here counts already.
            step._with_counter = True
            optim_wrapper.step = step


def _averaged_step(parameters, step, **kwargs):
    from mmengine.dist import all_reduce_params
    all_reduce_params([p.grad for p in parameters if p.grad is not None],
                      op='mean')
    return step(**kwargs)


@contextlib.contextmanager
def no_sync(wrapper: nn.Module) -> Iterator[None]:
    """Leave gradients of every wrapped network unaveraged meanwhile."""
    with contextlib.ExitStack() as stack:
        for part in wrapper.module.modules():
            if isinstance(part, DistributedDataParallel):
                stack.enter_context(part.no_sync())
        yield


def whole_no_sync(module: ModuleType) -> None:
    """Enter all networks' ``no_sync`` and yield once."""
    module.MMSeparateDistributedDataParallel.no_sync = no_sync

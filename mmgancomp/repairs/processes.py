"""Several processes on a machine without a GPU."""

from __future__ import annotations

import contextlib
import inspect
import os
import warnings
from types import ModuleType

import torch
import wrapt

from .repair import replace_function

__all__ = [
    'launch_on_cpu', 'no_device_ids_on_cpu', 'plain_batch_norm_on_cpu'
]


def _on_cpu() -> bool:
    from mmengine.device import get_device
    return get_device() == 'cpu'


@contextlib.contextmanager
def _no_cuda_device():
    """The launchers pick a CUDA device whatever the backend."""
    original = torch.cuda.set_device
    torch.cuda.set_device = lambda device: None
    try:
        yield
    finally:
        torch.cuda.set_device = original


def launch_on_cpu(module: ModuleType) -> None:
    """Start a process group without a CUDA device."""
    signature = inspect.signature(module.init_dist)

    def repaired(wrapped, instance, args, kwargs):
        if not _on_cpu():
            return wrapped(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.arguments['backend'] not in ('gloo', 'mpi'):
            if os.environ.get('RANK', '0') == '0':
                warnings.warn(
                    'env_cfg.dist_cfg.backend = '
                    f'{bound.arguments["backend"]!r}: needs a GPU and there '
                    "is none; 'gloo' is used instead",
                    stacklevel=2)
            bound.arguments['backend'] = 'gloo'
        with _no_cuda_device():
            return wrapped(*bound.args, **bound.kwargs)

    replace_function(module, 'init_dist', repaired)


def no_device_ids_on_cpu(module: ModuleType) -> None:
    """Drop the device that the runner names for modules on the CPU."""

    def repaired(wrapped, instance, args, kwargs):
        network = args[0] if args else kwargs['module']
        if all(p.device.type == 'cpu' for p in network.parameters()):
            kwargs = dict(kwargs, device_ids=None, output_device=None)
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(module, 'MMDistributedDataParallel.__init__',
                                repaired)


def plain_batch_norm_on_cpu(module: ModuleType) -> None:
    """Replace SyncBatchNorm by batch norm, as single-process runs do."""

    def repaired(wrapped, instance, args, kwargs):
        bound = dict(zip(('model_wrapper_cfg', 'model'), args), **kwargs)
        model = bound['model']
        if instance.distributed and _on_cpu() and any(
                isinstance(part, torch.nn.SyncBatchNorm)
                for part in model.modules()):
            instance.logger.warning(
                'SyncBatchNorm needs a GPU and there is none: each process '
                'normalises by the statistics of its own batch.')
            bound['model'] = module.revert_sync_batchnorm(model)
        return wrapped(**bound)

    wrapt.wrap_function_wrapper(module, 'Runner.wrap_model', repaired)

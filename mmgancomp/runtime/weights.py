"""Whether a checkpoint is one of this model at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.runner.checkpoint import get_state_dict
from torch import nn

from mmgancomp.errors import ConfigError

from .structure import misfit, noted

__all__ = ['check_some_fit']


def check_some_fit(model: nn.Module, checkpoint: Mapping[str, Any], key: str,
                   value: Any) -> None:
    """Refuse a checkpoint that has not one weight of the model.

    MMEngine warns about what does not fit and trains on. Where a part fits
    that may be meant, a new head for example; where nothing does, fresh
    weights would be pruned in place of trained ones. A network that was
    narrowed takes none but its own shapes.

    Args:
        model: The bare model.
        checkpoint: A checkpoint of MMEngine, or a ``state_dict``.
        key: Config key that named it, for the error.
        value: What the config says there.

    Raises:
        ConfigError: If no matrix or kernel has the name and the shape of
            one of the model's, or one of a narrowed network has another
            shape.
    """
    tensors = {
        name.removeprefix('module.'): tensor
        for name, tensor in checkpoint.get('state_dict', checkpoint).items()
    }
    for path, module in model.named_modules():
        wrong = noted(module) and misfit(module, f'{path}.', tensors)
        if wrong:
            raise ConfigError.at(key, value, wrong)
    given = {
        name: getattr(tensor, 'shape', None)
        for name, tensor in tensors.items()
    }
    own = {
        name: tensor.shape
        for name, tensor in get_state_dict(model).items() if tensor.dim() > 1
    }
    if any(given.get(name) == shape for name, shape in own.items()):
        return
    name, shape = next(iter(own.items()))
    found = tuple(given[name]) if given.get(name) is not None else 'missing'
    raise ConfigError.at(
        key, value, f'name a checkpoint of this {type(model).__name__}; in '
        f'this one no weight fits: {name} is {found} there and '
        f'{tuple(shape)} here')

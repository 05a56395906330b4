"""Whether weights are of this model, or of this network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mmgancomp.errors import ConfigError

from .structure import misfit, noted

__all__ = ['check_some_fit', 'differences']


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
    # Not at the top: what reads a packed file needs no MMEngine.
    from mmengine.runner.checkpoint import get_state_dict
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


def differences(wanted: Mapping[str, Tensor],
                given: Mapping[str, Tensor]) -> str:
    """In what weights are not exactly those of a network, as a sentence.

    Args:
        wanted: The network's ``state_dict``.
        given: The weights.

    Returns:
        The first three differences; empty if names and shapes are equal.
    """
    wrong = [f'{key} is missing' for key in wanted if key not in given]
    wrong += [f'{key} is not in the network'
              for key in given if key not in wanted]
    wrong += [
        f'{key} is {tuple(given[key].shape)}, the network has '
        f'{tuple(value.shape)}' for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]
    more = f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''
    return '; '.join(wrong[:3]) + more

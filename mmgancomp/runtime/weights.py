"""Whether weights are of this model, or of this network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError

from .structure import misfit, noted

__all__ = ['check_some_fit', 'differences', 'fault', 'weights_of']


def weights_of(checkpoint: Any, key: str, value: Any) -> dict[str, Any]:
    """What a file holds as weights, by name.

    Args:
        checkpoint: What was read: a checkpoint of MMEngine, a
            ``state_dict``, or anything else.
        key: Config key that named it, for the error.
        value: What stands there.

    Raises:
        ConfigError: There are none.
    """
    state = checkpoint
    if isinstance(checkpoint, Mapping):
        state = checkpoint.get('state_dict', checkpoint)
    found = dict(state) if isinstance(state, Mapping) else {}
    if not any(isinstance(tensor, Tensor) for tensor in found.values()):
        raise ConfigError.at(key, value,
                             'holds no weights; name a checkpoint')
    for name in found:
        if not isinstance(name, str):
            raise ConfigError.at(
                key, value, 'name another checkpoint: in this one a weight '
                f'is called {name!r}, and names are text')
    return found


def fault(found: Any, own: Tensor) -> str:
    """Why something cannot be the value of a weight; empty if it can.

    Args:
        found: What a file has in its place. Of another shape than ``own``
            it is not looked into.
        own: The weight.
    """
    if not isinstance(found, Tensor):
        return f'is no tensor but of type {type(found).__name__}'
    if (found.layout is not torch.strided or found.is_quantized
            or found.is_nested or found.is_meta):
        return 'is no ordinary tensor'
    if (found.is_floating_point(), found.is_complex()) != (
            own.is_floating_point(), own.is_complex()):
        return f'is of {found.dtype}, the network has {own.dtype}'
    if (found.is_floating_point() and found.shape == own.shape
            and not bool(found.isfinite().all())):
        return 'has numbers that are not finite'
    return ''


def check_some_fit(model: nn.Module, checkpoint: Any, key: str,
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
            one of the model's, one of a narrowed network has another
            shape, or something is in the place of a weight that is none.
    """
    # Not at the top: what reads a packed file needs no MMEngine.
    from mmengine.runner.checkpoint import get_state_dict
    tensors = {
        name.removeprefix('module.'): tensor
        for name, tensor in weights_of(checkpoint, key, value).items()
    }
    state = get_state_dict(model)
    for name, tensor in tensors.items():
        wrong = fault(tensor, state[name]) if name in state else ''
        if wrong:
            raise ConfigError.at(
                key, value,
                f'name another checkpoint: in this one {name} {wrong}')
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
        for name, tensor in state.items() if tensor.dim() > 1
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
        The first three differences; empty if names and shapes are equal
        and all is finite.
    """
    wrong = [f'{key} is missing' for key in wanted if key not in given]
    wrong += [f'{key} is not in the network'
              for key in given if key not in wanted]
    for key, value in wanted.items():
        if key in given:
            found = given[key]
            what = fault(found, value)
            if not what and found.shape != value.shape:
                what = (f'is {tuple(found.shape)}, the network has '
                        f'{tuple(value.shape)}')
            wrong += [f'{key} {what}'] * bool(what)
    more = f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''
    return '; '.join(wrong[:3]) + more

"""Let an ONNX file stand in for a generator of a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from mmgancomp.errors import ConfigError, MMGanCompError

from .onnx_file import read_sealed, session

__all__ = ['OnnxForward', 'stand_in']

# What models say to their generators although it changes no image.
_NEUTRAL = {'return_noise': False, 'truncation': 1, 'num_batches': -1}


class OnnxForward:
    """Called like a generator's ``forward``; onnxruntime does the work.

    Args:
        path: A file of ``mmgancomp export … --to onnx``.
        network: The generator that it was exported from, or its like.

    Raises:
        MMGanCompError: If the file is damaged or another's.
    """

    def __init__(self, path: str | Path, network: nn.Module) -> None:
        self.path = path
        self.session = session(read_sealed(path), str(path))
        self.inputs = {i.name: i.shape for i in self.session.get_inputs()}
        self._check(network)
        self.network, self.told = network, False

    def _check(self, network: nn.Module) -> None:
        first, shape = next(iter(self.inputs.items()), ('nothing', []))
        size = getattr(network, 'noise_size', None)
        wanted = 'source' if size is None else 'noise'
        if first != wanted or len(self.session.get_outputs()) != 1 or (
                size and shape[1:] != [size]):
            raise ConfigError.at(
                'checkpoint', str(self.path), f'takes {first} '
                f'{shape}, and the generator of the config '
                f'{wanted}{"" if size is None else f" of size {size}"}: it '
                'was exported from another one')

    def __call__(self, first: Tensor, label: Tensor | None = None,
                 **given: Any) -> Tensor:
        self._tell_mode()
        names = list(self.inputs)
        tensors = {names[0]: first}
        if 'label' in names:
            tensors['label'] = self._label(label)
        elif label is not None:
            raise self._no_input('label', label)
        self._check_neutral(given)
        # As the stock network draws them: one map per image and layer.
        for name in names[len(tensors):]:
            size = self.inputs[name][-1]
            tensors[name] = first.new_empty(len(first), 1, size,
                                            size).normal_()
        try:
            image, = self.session.run(None, {
                name: tensor.detach().cpu().numpy()
                for name, tensor in tensors.items()
            })
            return torch.from_numpy(image).to(first.device)
        except Exception as error:
            reason = (str(error).strip().splitlines() or ['none given'])[0]
            raise MMGanCompError(
                f'{self.path}: onnxruntime cannot run it: {reason}; export '
                'it anew') from error

    def _tell_mode(self) -> None:
        """Say once that a model wants training mode, which no graph has."""
        if self.told or not self.network.training or not any(
                isinstance(module, _BatchNorm | _DropoutNd)
                for module in self.network.modules()):
            return
        self.told = True
        from mmengine.logging import print_log
        print_log(
            f'{type(self.network).__name__} is evaluated in training mode: '
            'dropout, and statistics of the batch. The ONNX graph is that of '
            'eval mode, so the figures are not those of the checkpoint',
            'current',
            level=logging.WARNING)

    def _label(self, label: Tensor | None) -> Tensor:
        if label is None:
            raise MMGanCompError(f'{self.path} wants labels, and the model '
                                 'gives none')
        return label

    def _check_neutral(self, given: dict[str, Any]) -> None:
        random = {'randomize_noise': any('noise_map' in n
                                         for n in self.inputs)}
        for name, value in given.items():
            if value is None or (_NEUTRAL | random).get(name) == value:
                continue
            raise self._no_input(name, value)

    def _no_input(self, name: str, value: Any) -> MMGanCompError:
        said = type(value).__name__ if torch.is_tensor(value) else value
        return MMGanCompError(
            f'{self.path} has no input for {name}={said}, which this '
            f'evaluation gives; its inputs are {", ".join(self.inputs)}')


def stand_in(networks: Sequence[nn.Module],
             paths: Sequence[str | Path]) -> None:
    """Let files compute what generators are asked for.

    Args:
        networks: The generators, whose ``forward`` is replaced.
        paths: As many files.
    """
    for network, path in zip(networks, paths, strict=True):
        network.forward = OnnxForward(path, network)

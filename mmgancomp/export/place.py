"""Put what was exported in the place of a model's generators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError, MMGanCompError

from .onnx_file import onnx_paths
from .onnx_run import stand_in
from .sparse import fill, read_sparse

__all__ = ['exported_kind', 'find', 'put']


def exported_kind(path: str | Path) -> str | None:
    """``'onnx'``, ``'sparse'``, or None for what is neither.

    An ONNX file is known by its suffix, a packed one by its suffix or by how
    safetensors begin: a length, then JSON.
    """
    path = Path(path)
    if path.suffix == '.onnx':
        return 'onnx'
    if path.suffix == '.safetensors':
        return 'sparse'
    try:
        with path.open('rb') as file:
            return 'sparse' if file.read(10)[8:] == b'{"' else None
    except OSError:
        return None


def find(path: str | Path) -> bool:
    """Whether there is such a file, or a set of ONNX files of that name."""
    path = Path(path)
    return path.is_file() or (path.suffix == '.onnx' and any(
        path.parent.glob(f'{path.stem}.*{path.suffix}')))


def put(model: nn.Module, path: str | Path) -> None:
    """Let a model generate with an exported file.

    Of a model with an average it is the average that the file stands in
    for. The live generator is not in the file: asked for, it raises.

    Args:
        model: The model; changed.
        path: The file, or the name from which several were made.

    Raises:
        MMGanCompError: A file that is missing, damaged, or another's.
    """
    networks = {
        name: network
        for name, network in families.of(model).networks(model).items()
        if network.role == 'generator'
    }
    used = {
        name: network.module if network.ema is None else network.ema
        for name, network in networks.items()
    }
    if exported_kind(path) == 'onnx':
        paths = onnx_paths(path, list(used))
        for name, file in paths.items():
            if not file.is_file():
                raise ConfigError.at(
                    'checkpoint', str(path),
                    f'there is no {file}, which should hold {name}')
        stand_in(list(used.values()), list(paths.values()))
    else:
        stored = read_sparse(path)
        for name, module in used.items():
            fill(module, name, path, stored)
    for name, network in networks.items():
        if network.ema is not None:
            network.module.register_forward_pre_hook(_absent(name, path))


def _absent(name: str, path: str | Path) -> Any:

    def refuse(module: nn.Module, args: tuple) -> None:
        raise MMGanCompError(
            f'this evaluation asks for the live {name}, but {path} holds the '
            "averaged one: set sample_model='ema' in the metric")

    return refuse

"""Generators as ONNX files, and the check that they are the same function."""

from __future__ import annotations

import hashlib
import importlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.families.macs import inference
from mmgancomp.files import write_whole

if TYPE_CHECKING:
    from mmgancomp.evaluation.profile_model import Subject
    from mmgancomp.families.graphs import Graph

__all__ = [
    'BATCHES', 'OnnxFile', 'SEEDS', 'TOLERANCE', 'differs_in_training',
    'onnx_paths', 'read_sealed', 'session', 'write_onnx'
]

BATCHES, SEEDS = (1, 3), (0, 1)
"""Each of these with each: what a file must give the same images for."""

TOLERANCE = 1e-4
"""Largest difference, relative to the image's largest value (at least 1)."""

_OPSET = 17


@dataclass(frozen=True)
class OnnxFile:
    """One file that was written.

    Attributes:
        path: The file.
        network: Name of the generator in it.
        bytes: Its size.
        inputs: Names of its inputs, in order.
        difference: The largest difference that the check found.
        tested_otherwise: Whether the model's own tests run the generator in
            training mode, which makes other images than a graph does.
    """

    path: Path
    network: str
    bytes: int
    inputs: list[str]
    difference: float
    tested_otherwise: bool = False


def onnx_paths(path: str | Path, names: Sequence[str]) -> dict[str, Path]:
    """Name of a generator → its file.

    Args:
        path: The file. With several generators the domain goes before the
            suffix: ``g.onnx`` becomes ``g.photo.onnx``.
        names: The generators.
    """
    path = Path(path)
    if len(names) == 1:
        return {names[0]: path}
    return {
        name: path.with_name(
            f'{path.stem}.{name.rpartition(".")[2]}{path.suffix}')
        for name in names
    }


def write_onnx(path: str | Path,
               subjects: Sequence[Subject],
               noise: str = 'fixed',
               say: Callable[[str], Any] = lambda line: None
               ) -> list[OnnxFile]:
    """Write a file per generator, after each has passed its check.

    Args:
        path: The file, see :func:`onnx_paths`.
        subjects: The networks, with their weights loaded.
        noise: As for ``Family.graph``.
        say: Told what is being done, which can take a minute.

    Raises:
        ConfigError: A network that has no graph, or a missing package.
        MMGanCompError: A file gives other images than the network.
    """
    made = []
    for subject in subjects:
        say(f'{subject.name}: exporting and comparing')
        graph = subject.family.graph(subject.module, noise)
        content = _sealed(_export(graph, subject))
        made.append(
            (subject, graph, content, _check(graph, subject, content)))
    paths = onnx_paths(path, [subject.name for subject in subjects])
    for subject, _, content, _ in made:
        write_whole(paths[subject.name], content)
    return [
        OnnxFile(paths[subject.name], subject.name, len(content),
                 graph.inputs, worst, subject.family.tested_in_training
                 and differs_in_training(subject.module))
        for subject, graph, content, worst in made
    ]


def differs_in_training(network: nn.Module) -> bool:
    """Whether eval mode makes other images than training mode."""
    return any(
        isinstance(module, _BatchNorm | _DropoutNd)
        for module in network.modules())


def _tensors(graph: Graph, subject: Subject, batch: int, seed: int,
             size: int | None = None) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    args, kwargs = subject.family.example_call(
        subject.module, batch, random, size=size)
    return [*args, *kwargs.values(), *graph.more(batch, random)]


def _export(graph: Graph, subject: Subject) -> bytes:
    _needs('onnx')
    tensors = _tensors(graph, subject, 2, 0)
    axes: dict[str, dict[int, str]] = {
        name: {0: 'batch'} for name in graph.inputs
    }
    axes['image'] = {0: 'batch'}
    if tensors[0].dim() == 4:
        axes[graph.inputs[0]] |= {2: 'height', 3: 'width'}
        axes['image'] |= {2: 'out_height', 3: 'out_width'}
    content = io.BytesIO()
    try:
        with inference(graph), warnings.catch_warnings():
            # About the exporter's age, and sizes that the trace reads.
            warnings.simplefilter('ignore')
            # This exporter rather than the newer one (dynamo=True): for
            # these networks both are exact, and its files are smaller.
            torch.onnx.export(
                graph,
                tuple(tensors),
                content,
                dynamo=False,
                opset_version=_OPSET,
                input_names=graph.inputs,
                output_names=['image'],
                dynamic_axes=axes)
    except Exception as error:
        reason = (str(error).strip().splitlines() or ['no reason given'])[0]
        raise MMGanCompError(
            f'{subject.name} ({type(subject.module).__name__}) cannot be '
            f'exported: {type(error).__name__}: {reason}') from error
    return content.getvalue()


def _check(graph: Graph, subject: Subject, content: bytes) -> float:
    """Compare with the stock network; gives the largest difference."""
    running = session(content, subject.name)
    cases: list[tuple[int, int, int | None]] = [
        (batch, seed, None) for batch in BATCHES for seed in SEEDS
    ]
    first = _tensors(graph, subject, 1, 0)[0]
    if first.dim() == 4:
        # Height and width are free, too.
        cases.append((1, 0, 2 * first.shape[-1]))
    worst = 0.
    for batch, seed, size in cases:
        tensors = _tensors(graph, subject, batch, seed, size)
        with inference(subject.module):
            args, kwargs = graph.call(tensors)
            wanted = subject.module(*args, **kwargs)
        given, = running.run(None, {
            name: tensor.numpy()
            for name, tensor in zip(graph.inputs, tensors)
        })
        found = torch.from_numpy(given)
        if not wanted.isfinite().all():
            raise MMGanCompError(
                f'{subject.name}: its images are not finite; are the weights '
                'those of a trained network?')
        scale = max(1., float(wanted.abs().max()))
        difference = (float((found - wanted).abs().max()) / scale
                      if found.shape == wanted.shape else float('nan'))
        if not difference <= TOLERANCE:
            raise MMGanCompError(
                f'{subject.name}: the exported graph gives other images '
                f'(difference {difference:.3g}, batch {batch}, seed {seed}); '
                'nothing was written')
        worst = max(worst, difference)
    return worst


def session(content: bytes, name: str) -> Any:
    """What runs a file, on the CPU.

    Raises:
        MMGanCompError: If it cannot be run.
    """
    runtime = _needs('onnxruntime')
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(
            content, options, providers=['CPUExecutionProvider'])
    except Exception as error:
        reason = (str(error).strip().splitlines() or ['no reason given'])[0]
        raise MMGanCompError(
            f'{name}: onnxruntime cannot run it: {reason}') from error


def _needs(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError.at(
            '--to', 'onnx', f'needs the package {package}: pip install '
            "'mmgancomp[export]'") from error


# An ONNX file has no checksum. Protocol buffers may be concatenated, so what
# follows the model is one more entry of its metadata, of a known length.
_KEY = b'mmgancomp.sha256'
_TAIL = 1 + 1 + 2 + len(_KEY) + 2 + 64


def _sealed(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest().encode()
    entry = (b'\x0a' + bytes([len(_KEY)]) + _KEY + b'\x12' +
             bytes([len(digest)]) + digest)
    # Field 14 of a model, length-delimited: metadata_props.
    return content + b'\x72' + bytes([len(entry)]) + entry


def read_sealed(path: str | Path) -> bytes:
    """The content of a file that :func:`write_onnx` wrote.

    Raises:
        MMGanCompError: If it is damaged, or is another's.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise MMGanCompError(
            f'{path}: cannot be read: {error.strerror}') from error
    if _sealed(content[:-_TAIL]) != content:
        raise MMGanCompError(
            f'{path} is truncated or damaged, or was not written by '
            '`mmgancomp export … --to onnx`')
    return content

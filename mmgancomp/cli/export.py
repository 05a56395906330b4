"""``mmgancomp export CONFIG CHECKPOINT``: files for others to use."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmgancomp.cli.common import (
    add_config_options,
    command_line,
    existing_checkpoint,
    load_config,
)
from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmgancomp.evaluation.profile_model import Subject

KINDS = ('mmagic', 'onnx', 'sparse')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument('config', help='config file, or package::path')
    parser.add_argument('checkpoint', help='checkpoint file or address')
    parser.add_argument(
        '--to',
        required=True,
        choices=KINDS,
        help='mmagic: weights (.pth) and the config beside them (.py), a '
        'stock one where there is one; onnx: a file per generator that '
        'needs nothing of ours; sparse: one packed file of all generators')
    parser.add_argument(
        '--out',
        required=True,
        metavar='PATH',
        help='the file to write; as onnx, several generators have their '
        'domain before the suffix')
    parser.add_argument(
        '--dtype',
        choices=['fp32', 'fp16'],
        help='sparse: how weights are stored (default fp32, exact)')
    parser.add_argument(
        '--noise',
        choices=['fixed', 'input'],
        help='onnx: noise maps that a network injects are constants '
        '(default), or inputs of the graph')
    add_config_options(parser)


def run(args: argparse.Namespace) -> int:
    """Write the file, and say what is in it."""
    _check_out(args.out, args.to)
    _check_flags(args)
    existing_checkpoint('checkpoint', args.checkpoint)
    config = load_config(args.config, args.cfg_options)
    with contextlib.redirect_stdout(sys.stderr):
        from mmgancomp.evaluation.profile_model import subjects
        chosen = subjects(config, args.checkpoint)
    _WRITERS[args.to](args, config, chosen)
    return 0


_SUFFIXES = {
    'mmagic': '.pth',
    'onnx': '.onnx',
    'sparse': '.safetensors',
}
"""Kind → what a file's name ends in: commands know it by that."""


def _check_out(out: str, kind: str) -> None:
    if os.path.isdir(out):
        raise ConfigError.at('--out', out, 'is a folder; name a file')
    if not out.endswith(_SUFFIXES[kind]):
        raise ConfigError.at('--out', out,
                             f'must end in {_SUFFIXES[kind]}')


_FLAGS = {'dtype': 'sparse', 'noise': 'onnx'}
"""Flag → the kind that it belongs to."""


def _check_flags(args: argparse.Namespace) -> None:
    for flag, kind in _FLAGS.items():
        given = getattr(args, flag)
        if given is not None and args.to != kind:
            raise ConfigError.at(f'--{flag}', given,
                                 f'belongs to --to {kind}; leave it out')


def _sparse(args: argparse.Namespace, config: Config,
            chosen: Sequence[Subject]) -> None:
    from mmgancomp.export.sparse import write_sparse
    from mmgancomp.report.text import bytes_text
    found = write_sparse(args.out, chosen, args.dtype or 'fp32')
    print(f'Packed  {args.out}  {bytes_text(found.bytes)}, '
          f'{found.bytes / found.dense:.3f} of the '
          f'{bytes_text(found.dense)} that all weights take dense in fp32')
    if found.masked_dense:
        print(f'  masked tensors: {bytes_text(found.masked)}, '
              f'{found.masked / found.masked_dense:.3f} of '
              f'{bytes_text(found.masked_dense)}')
    else:
        print('  no masked tensors: no mask and hardly a zero in them')
    for name, size in found.largest.items():
        print(f'  not masked: {name}, {bytes_text(size)}')
    _tell_test(args)


def _onnx(args: argparse.Namespace, config: Config,
          chosen: Sequence[Subject]) -> None:
    from mmgancomp.export.onnx_file import BATCHES, SEEDS, write_onnx
    from mmgancomp.report.text import bytes_text
    written = write_onnx(
        args.out, chosen, args.noise or 'fixed',
        say=lambda line: print(line, file=sys.stderr, flush=True))
    for file in written:
        print(f'ONNX    {file.path}  {bytes_text(file.bytes)}, takes '
              f'{", ".join(file.inputs)}')
        print(f'  the same images as {file.network} in onnxruntime, batches '
              f'of {" and ".join(map(str, BATCHES))}, {len(SEEDS)} seeds: '
              f'largest difference {file.difference:.1e}')
        if file.tested_otherwise:
            print('  of eval mode: MMagic tests this model in training mode, '
                  'with dropout or the\n  statistics of the batch, so '
                  '`test` gives this file other figures than the checkpoint')
    _tell_test(args)


def _mmagic(args: argparse.Namespace, config: Config,
            chosen: Sequence[Subject]) -> None:
    from mmgancomp.export.mmagic_model import write_mmagic
    from mmgancomp.report.text import bytes_text
    written = write_mmagic(args.out, config, chosen)
    print(f'Weights {written.weights}  {bytes_text(written.bytes)}')
    needs = ('a stock config: MMagic alone opens it'
             if written.stock else 'mmgancomp must be installed to open it')
    print(f'Config  {written.config}  {needs}')
    _tell_test(args, str(written.config))


def _tell_test(args: argparse.Namespace, config: str = '') -> None:
    line = command_line('test', config or args.config, args.out)
    print(f'Next    {line}')


_WRITERS: dict[str, Any] = {
    'mmagic': _mmagic,
    'onnx': _onnx,
    'sparse': _sparse,
}

"""The packed file of generators: small, exact, and sure of itself."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmgancomp.cli.main import main
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.evaluation.profile_model import subjects
from mmgancomp.export import read_sparse
from mmgancomp.export.sparse import fill, write_sparse
from tests.support import exported, tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture(scope='module')
def pruned(tmp_path_factory):
    """Networks of a checkpoint with every tenth weight, by family."""
    found = {}

    def get(family, density=0.1):
        if (family, density) not in found:
            folder = tmp_path_factory.mktemp(family)
            config = tiny.config(family, folder)
            path = exported.checkpoint(config, folder / 'a.pth', density)
            found[family, density] = subjects(config, path)
        return found[family, density]

    return get


@pytest.mark.parametrize('family', ['stylegan2', 'biggan', 'cyclegan'])
def test_exact_weights_come_back(pruned, family, tmp_path):
    path = tmp_path / 'g.safetensors'
    written = write_sparse(path, pruned(family))
    assert written.bytes == path.stat().st_size
    stored = read_sparse(path)
    assert set(stored) == {subject.name for subject in pruned(family)}
    for subject in pruned(family):
        network = stored[subject.name]
        assert network.weights == subject.weights
        state = subject.module.state_dict()
        assert set(network.state) == set(state)
        for name, value in state.items():
            assert network.state[name].dtype == value.dtype
            assert torch.equal(network.state[name], value), name
        for name, mask in subject.masks.items():
            assert torch.equal(network.masks[name], mask), name


@pytest.mark.parametrize('dtype,most', [('fp32', 0.14), ('fp16', 0.09)])
def test_a_tenth_of_the_weights_takes_a_seventh_of_the_bytes(
        pruned, dtype, most, tmp_path):
    chosen = pruned('stylegan2')
    written = write_sparse(tmp_path / 'g.safetensors', chosen, dtype)
    share = written.masked / written.masked_dense
    values = {'fp32': 4, 'fp16': 2}[dtype]
    # 0.1 of the values and a bit per weight, rounded up for each tensor.
    assert (0.1 * values + 1 / 8) / 4 <= share + 1e-3
    assert share < most
    masked = set(chosen[0].masks)
    assert not masked & {name.split('/')[1] for name in written.unmasked}
    sizes = list(written.largest.values())
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 5


def test_half_precision_rounds_and_nothing_else(pruned, tmp_path):
    chosen = pruned('cyclegan')
    write_sparse(tmp_path / 'g.safetensors', chosen, 'fp16')
    for subject in chosen:
        stored = read_sparse(tmp_path / 'g.safetensors')[subject.name]
        for name, value in subject.module.state_dict().items():
            wanted = value.half() if value.is_floating_point() else value
            assert torch.equal(stored.state[name], wanted), name
        fill(subject.module, subject.name, 'g', {subject.name: stored})
        some = next(subject.module.parameters())
        assert some.dtype == torch.float32
        assert torch.equal(some, some.half().float())
    with torch.no_grad():
        chosen[0].module.get_parameter('model.0.conv.weight')[0] = 1e5
    with pytest.raises(ConfigError, match='fp16.*cannot hold'):
        write_sparse(tmp_path / 'other.safetensors', chosen, 'fp16')
    assert not (tmp_path / 'other.safetensors').exists()


def test_zeros_stand_for_masks_where_there_are_none(tmp_path):
    config = tiny.config('dcgan', tmp_path)
    dense = subjects(config, exported.checkpoint(config, tmp_path / 'a.pth'))
    assert write_sparse(tmp_path / 'a', dense).masked == 0
    with torch.no_grad():
        for name in dense[0].maskable:
            weight = dense[0].module.get_parameter(name)
            weight.view(-1)[::2] = 0
    assert write_sparse(tmp_path / 'a', dense).masked > 0
    stored = read_sparse(tmp_path / 'a')['generator']
    for name, value in dense[0].module.state_dict().items():
        assert torch.equal(stored.state[name], value), name


def test_an_average_that_does_not_keep_to_the_masks(tmp_path):
    config = tiny.config('biggan', tmp_path)
    chosen = subjects(config,
                      exported.checkpoint(config, tmp_path / 'a.pth', 0.1))
    name = next(iter(chosen[0].masks))
    with torch.no_grad():
        chosen[0].module.get_parameter(name).fill_(1)
    write_sparse(tmp_path / 'g', chosen)
    stored = read_sparse(tmp_path / 'g')['generator']
    assert name not in stored.masks and stored.masks
    for key, value in chosen[0].module.state_dict().items():
        assert torch.equal(stored.state[key], value), key


def test_weights_of_another_network_are_refused(pruned, tmp_path):
    chosen = pruned('biggan')
    write_sparse(tmp_path / 'g', chosen)
    stored = read_sparse(tmp_path / 'g')
    other, *_ = pruned('cyclegan')
    with pytest.raises(ConfigError, match='holds no generators.photo'):
        fill(other.module, other.name, 'g', stored)
    with pytest.raises(ConfigError, match='does not fit.*is missing'):
        fill(other.module, 'generator', 'g', stored)


def header(path):
    with safe_open(path, framework='pt') as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        return tensors, json.loads(file.metadata()['mmgancomp-packed'])


def rewrite(path, change):
    """The file with its tensors and header changed."""
    tensors, document = header(path)
    change(tensors, document)
    save_file(tensors, path, {'mmgancomp-packed': json.dumps(document)})


def flip(tensors, document):
    name = next(n for n in tensors if n.endswith('values'))
    tensors[name] = tensors[name] + 1


DAMAGE = {
    'a value has changed': flip,
    'shapes are no dict': lambda t, d: d.update(shapes=5),
    'a shape is negative': lambda t, d: d.update(
        shapes={k: [-1] for k in d['shapes']}),
    'a shape is text': lambda t, d: d.update(
        shapes={k: ['3'] for k in d['shapes']}),
    'a shape is huge': lambda t, d: d.update(
        shapes={k: [2**62, 4] for k in d['shapes']}),
    'info is a list': lambda t, d: d.update(info=[]),
    'networks are a number': lambda t, d: d['info'].update(networks=3),
    'the digest is gone': lambda t, d: d['info'].pop('digest'),
    'the version is of tomorrow': lambda t, d: d.update(version=99),
}


@pytest.mark.parametrize('what', DAMAGE)
def test_a_damaged_file_is_one_message(pruned, what, tmp_path):
    path = tmp_path / 'g.safetensors'
    write_sparse(path, pruned('biggan'))
    rewrite(path, DAMAGE[what])
    with pytest.raises(MMGanCompError) as error:
        read_sparse(path)
    assert str(path) in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('content', [
    b'', b'\x00' * 40, b'\xff' * 8 + b'{"', b'\x10' + b'\x00' * 7 + b'{"a":'
])
def test_a_broken_header_is_one_message(content, tmp_path):
    path = tmp_path / 'g.safetensors'
    path.write_bytes(content)
    with pytest.raises(MMGanCompError, match='not a packed file') as error:
        read_sparse(path)
    assert '\n' not in str(error.value)


def test_a_truncated_file_is_one_message(pruned, tmp_path):
    path = tmp_path / 'g.safetensors'
    write_sparse(path, pruned('biggan'))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MMGanCompError, match='damaged'):
        read_sparse(path)


def test_a_ticket_is_no_export(tmp_path):
    from torch import nn

    from mmgancomp.sparsity import MaskedNetwork
    from mmgancomp.sparsity.ticket import write_ticket
    network = nn.Sequential(nn.Conv2d(3, 4, 3))
    masked = MaskedNetwork(network)
    masked.prune(0.5)
    path = tmp_path / 'ticket.safetensors'
    write_ticket(path, {'generator': masked},
                 {'generator': network.state_dict()})
    with pytest.raises(MMGanCompError, match='is a ticket'):
        read_sparse(path)


def test_the_command_prints_both_ratios(tmp_path, capsys):
    config = tiny.config('biggan', tmp_path)
    checkpoint = exported.checkpoint(config, tmp_path / 'a.pth', 0.1)
    out = tmp_path / 'new' / 'g.safetensors'
    words = ['export', config.filename, checkpoint, '--to', 'sparse']
    assert main([*words, '--out', str(out)]) == 0
    shown = capsys.readouterr().out
    written = write_sparse(tmp_path / 'again', subjects(config, checkpoint))
    assert out.read_bytes() == (tmp_path / 'again').read_bytes()
    assert f'{written.masked / written.masked_dense:.3f} of ' in shown
    assert f'{written.bytes / written.dense:.3f} of ' in shown
    assert f'not masked: {next(iter(written.largest))}' in shown
    assert [p.name for p in out.parent.iterdir()] == ['g.safetensors']


@pytest.mark.parametrize('words,said', [
    (['--to', 'sparse', '--out', 'g.pth'],
     "--out = 'g.pth': must end in .safetensors"),
    (['--to', 'sparse', '--out', '.'], "--out = '.': is a folder"),
    (['--to', 'sparse', '--out', 'g.safetensors', '--noise', 'input'],
     "--noise = 'input': belongs to --to onnx"),
    (['--to', 'onnx', '--out', 'g.onnx', '--dtype', 'fp16'],
     "--dtype = 'fp16': belongs to --to sparse"),
    (['--to', 'onnx', '--out', 'g.onnx'],
     "checkpoint = 'gone.pth': there is no such file"),
])
def test_wrong_arguments_are_one_line(words, said, capsys):
    assert main(['export', 'c.py', 'gone.pth', *words]) == 2
    assert f'error: {said}' in capsys.readouterr().err

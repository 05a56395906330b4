"""ONNX files: the same images in onnxruntime, or no file."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmgancomp.cli.main import main
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.evaluation.profile_model import subjects
from mmgancomp.export import onnx_file
from mmgancomp.export.onnx_file import read_sealed, session, write_onnx
from mmgancomp.export.onnx_run import OnnxForward
from mmgancomp.families.graphs import Graph
from tests.support import exported, tiny
from tests.support.exported import some_slow

pytestmark = tiny.STOCK_WARNINGS

SMALL = dict(cyclegan=32, pix2pix=32, srgan=16, esrgan=16)
"""Image edges that keep the check short."""


def chosen(family, folder, **overrides):
    config = tiny.config(family, folder, **overrides)
    path = exported.checkpoint(config, folder / 'a.pth', 0.5)
    return subjects(config, path, size=SMALL.get(family))


@pytest.mark.parametrize(
    'family',
    some_slow(tiny.FAMILIES, 'stylegan2', 'biggan', 'pix2pix', 'esrgan'))
def test_every_family_at_several_batch_sizes(family, tmp_path):
    networks = chosen(family, tmp_path)
    written = write_onnx(tmp_path / 'g.onnx', networks)
    names = ['g.photo.onnx', 'g.mask.onnx'
             ] if family == 'cyclegan' else ['g.onnx']
    assert [file.path.name for file in written] == names
    assert [file.network for file in written] == [s.name for s in networks]
    for file, subject in zip(written, networks):
        assert file.bytes == file.path.stat().st_size
        assert file.difference <= 1e-4
        running = session(read_sealed(file.path), 'g')
        # Sizes that the command itself did not try.
        args, kwargs = subject.family.example_call(
            subject.module, 5, torch.Generator().manual_seed(9),
            size=SMALL.get(family))
        with torch.no_grad(), subject.family.fixed_noise(subject.module):
            wanted = subject.module.eval()(*args, **kwargs)
        given = dict(zip(file.inputs, [*args, *kwargs.values()]))
        found, = running.run(None, {k: v.numpy() for k, v in given.items()})
        assert np.abs(found - wanted.numpy()).max() < 1e-4
        assert wanted.std() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize('family', ['stylegan2', 'biggan', 'pix2pix'])
def test_stock_size(family, tmp_path):
    config = Config.fromstring(
        f"_base_ = 'mmagic::{tiny.FAMILIES[family]}'", '.py')
    path = exported.checkpoint(config, tmp_path / 'a.pth')
    written = write_onnx(tmp_path / 'g.onnx', subjects(config, path))
    assert all(file.difference < 1e-4 for file in written)


def test_a_graph_of_other_images_is_not_written(tmp_path, monkeypatch):
    networks = chosen('dcgan', tmp_path)
    graph = networks[0].family.graph(networks[0].module)
    with torch.no_grad():
        next(graph.parameters()).mul_(1.2)
    monkeypatch.setattr(type(networks[0].family), 'graph',
                        lambda *given: graph)
    with pytest.raises(MMGanCompError, match='gives other images.*nothing'):
        write_onnx(tmp_path / 'g.onnx', networks)
    assert not (tmp_path / 'g.onnx').exists()


class Frozen(Graph):
    """A graph that is right for batches of one alone."""

    def forward(self, *tensors):
        return super().forward(*(t[:1] for t in tensors))


def test_another_batch_size_is_tried(tmp_path, monkeypatch):
    networks = chosen('dcgan', tmp_path)
    right = networks[0].family.graph(networks[0].module)
    args, _ = networks[0].call(1)
    monkeypatch.setattr(type(networks[0].family), 'graph',
                        lambda *given: Frozen(right.network, args, []))
    with pytest.raises(MMGanCompError, match='other images.*batch 3'):
        write_onnx(tmp_path / 'g.onnx', networks)


def test_images_that_are_not_finite(tmp_path):
    networks = chosen('dcgan', tmp_path)
    with torch.no_grad():
        next(networks[0].module.parameters()).fill_(float('nan'))
    with pytest.raises(MMGanCompError, match='not finite'):
        write_onnx(tmp_path / 'g.onnx', networks)


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime'])
def test_a_missing_package_is_named(package, tmp_path, monkeypatch):
    networks = chosen('dcgan', tmp_path)

    found = importlib.import_module

    def absent(name, *rest):
        if name == package:
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(importlib, 'import_module', absent)
    with pytest.raises(ConfigError, match=f'package {package}: pip install'):
        write_onnx(tmp_path / 'g.onnx', networks)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('biggan')
    networks = chosen('biggan', folder)
    write_onnx(folder / 'g.onnx', networks)
    return networks[0].module, folder / 'g.onnx'


def half(content):
    return content[:len(content) // 2]


def flipped(content):
    middle = len(content) // 2
    return (content[:middle] + bytes([content[middle] ^ 1]) +
            content[middle + 1:])


@pytest.mark.parametrize('damage', [
    half, flipped, lambda c: b'', lambda c: c[:-1], lambda c: c + b'x',
    lambda c: b'not a graph at all'
])
def test_a_damaged_file_is_one_message(written, damage, tmp_path):
    network, path = written
    other = tmp_path / 'g.onnx'
    other.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MMGanCompError, match='truncated or damaged') as error:
        OnnxForward(other, network)
    assert '\n' not in str(error.value)


def test_what_is_no_graph_is_one_message(written, tmp_path):
    path = tmp_path / 'g.onnx'
    path.write_bytes(onnx_file._sealed(b'\x00no graph'))
    with pytest.raises(MMGanCompError, match='cannot run it') as error:
        OnnxForward(path, written[0])
    assert '\n' not in str(error.value)


def graph_of(inputs, nodes, outputs, **initializers):
    """A sealed file of somebody else's graph."""
    from onnx import TensorProto, helper, numpy_helper
    image = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
             for name in outputs]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in inputs.items()]
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes], 'g', given, image,
        [numpy_helper.from_array(value, name)
         for name, value in initializers.items()])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    return model


SHAPE = np.array([5, 5, 7], np.int64)
STRANGE = {
    'without inputs': graph_of({}, [('Identity', ['c'], ['image'])],
                               ['image'], c=np.ones(2, np.float32)),
    'without axes': graph_of({'noise': []}, [('Relu', ['noise'], ['image'])],
                             ['image']),
    'with two outputs': graph_of(
        {'noise': [1, 16]}, [('Relu', ['noise'], ['image']),
                             ('Neg', ['noise'], ['more'])],
        ['image', 'more']),
    'that cannot be run': graph_of(
        {'noise': ['n', 16]}, [('Reshape', ['noise', 'c'], ['image'])],
        ['image'], c=SHAPE),
    'with a node that is none': graph_of(
        {'noise': [1, 16]}, [('Evil', ['noise'], ['image'])], ['image']),
}


@pytest.mark.parametrize('what', STRANGE)
def test_a_strange_graph_is_one_message(what, written, tmp_path):
    path = tmp_path / 'g.onnx'
    path.write_bytes(onnx_file._sealed(STRANGE[what].SerializeToString()))
    with pytest.raises(MMGanCompError) as error:
        OnnxForward(path, written[0])(torch.randn(2, 16))
    assert str(path) in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('where', ['/etc/hostname', '../secret'])
def test_no_other_file_is_read_into_a_graph(where, written, tmp_path,
                                            monkeypatch):
    from onnx import TensorProto
    (tmp_path / 'secret').write_bytes(b'abcd' * 16)
    (tmp_path / 'inner').mkdir()
    monkeypatch.chdir(tmp_path / 'inner')
    model = graph_of({'noise': [1, 16]}, [('Add', ['noise', 'c'], ['image'])],
                     ['image'], c=np.ones(16, np.float32))
    weight, = model.graph.initializer
    weight.ClearField('raw_data')
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = 'location', where
    path = tmp_path / 'inner' / 'g.onnx'
    path.write_bytes(onnx_file._sealed(model.SerializeToString()))
    with pytest.raises(MMGanCompError, match='cannot run it'):
        OnnxForward(path, written[0])


def test_any_reader_opens_the_sealed_file(written):
    import onnx
    model = onnx.load(written[1])
    onnx.checker.check_model(model)
    assert [p.key for p in model.metadata_props] == ['mmgancomp.sha256']


def test_a_stand_in_takes_what_models_say(written):
    network, path = written
    stand_in = OnnxForward(path, network)
    noise, label = torch.randn(2, 16), torch.tensor([0, 2])
    image = stand_in(noise, label=label, return_noise=False, truncation=1)
    with torch.no_grad():
        wanted = network.eval()(noise, label=label)
    assert torch.allclose(image, wanted, atol=1e-4)
    with pytest.raises(MMGanCompError, match='no input for truncation=0.5'):
        stand_in(noise, label=label, truncation=0.5)
    with pytest.raises(MMGanCompError, match='wants labels'):
        stand_in(noise)


def test_training_mode_is_said_not_to_be_there(tmp_path, capfd):
    subject, = chosen('pix2pix', tmp_path)
    write_onnx(tmp_path / 'g.onnx', [subject])
    stand_in = OnnxForward(tmp_path / 'g.onnx', subject.module)
    args, _ = subject.call(1)
    said = 'evaluated in training mode'
    subject.module.eval()
    stand_in(*args)
    assert said not in ''.join(capfd.readouterr())
    subject.module.train()
    stand_in(*args)
    stand_in(*args)
    assert ''.join(capfd.readouterr()).count(said) == 1


def test_a_graph_of_another_generator(written, tmp_path):
    other, = chosen('dcgan', tmp_path, model=dict(noise_size=8))
    with pytest.raises(ConfigError, match="takes noise .*of size 8"):
        OnnxForward(written[1], other.module)
    translator, _ = chosen('cyclegan', tmp_path / 'c')
    with pytest.raises(ConfigError, match='generator of the config source'):
        OnnxForward(written[1], translator.module)


def test_the_command_says_what_it_checked(tmp_path, capsys):
    config = tiny.config('stylegan2', tmp_path)
    checkpoint = exported.checkpoint(config, tmp_path / 'a.pth')
    out = tmp_path / 'g.onnx'
    words = ['export', config.filename, checkpoint, '--to', 'onnx']
    assert main([*words, '--out', str(out), '--noise', 'input']) == 0
    shown = capsys.readouterr().out
    assert 'takes noise, noise_map_0' in shown
    assert 'batches of 1 and 3, 2 seeds: largest difference' in shown
    assert main([*words, '--out', str(out)]) == 0
    assert 'noise_map_0' not in capsys.readouterr().out

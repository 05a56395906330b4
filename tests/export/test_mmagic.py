"""Weights and configs for MMagic: stock ones where there are any."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmgancomp import families
from mmgancomp.cli.main import main
from mmgancomp.errors import MMGanCompError
from mmgancomp.evaluation.profile_model import subjects
from mmgancomp.export import mmagic_model
from mmgancomp.export.mmagic_model import write_mmagic
from mmgancomp.export.onnx_file import write_onnx
from mmgancomp.runtime.building import build_model
from tests.support import cuts, exported, slim, tiny
from tests.support.exported import some_slow

pytestmark = tiny.STOCK_WARNINGS


def written(config, folder):
    chosen = subjects(config, exported.checkpoint(config, folder / 'a.pth'))
    return chosen, write_mmagic(folder / 'out' / 'g.pth', config, chosen)


def rebuilt(model_file):
    """The exported model, as anyone with its config builds it."""
    model = build_model(Config.fromfile(model_file.config))
    loaded = torch.load(model_file.weights, weights_only=True)
    model.load_state_dict(loaded['state_dict'], strict=True)
    return model


@pytest.mark.parametrize(
    'family', some_slow(tiny.FAMILIES, 'stylegan2', 'biggan', 'cyclegan'))
def test_half_width_is_a_stock_config(family, tmp_path):
    config = slim.config(family, tmp_path)
    chosen, found = written(config, tmp_path)
    text = found.config.read_text()
    if family == 'stylegan2':
        assert not found.stock and "type='mmgancomp.Slimmed'" in text
    else:
        assert found.stock and 'Slimmed' not in text
    model = rebuilt(found)
    networks = families.of(model).networks(model)
    assert {n.role for n in networks.values()} == {'generator'}
    for subject in chosen:
        network = networks[subject.name]
        for module in filter(None, (network.module, network.ema)):
            for key, value in subject.module.state_dict().items():
                assert torch.equal(module.state_dict()[key], value), key


def kept_of(config, share):
    """A plan that keeps the first channels of every group."""
    subject = subjects(config)[0]
    groups = families.channel_groups(subject.module)
    return {
        name: list(range(max(1, int(group.width * share))))
        for name, group in groups.items() if not group.optional
    }


UNIFORM = [('dcgan', 0.75), ('pix2pix', 0.5)] + [
    pytest.param(family, 0.5, marks=pytest.mark.slow)
    for family in tiny.FAMILIES if family not in ('stylegan2', 'pix2pix')
]


@pytest.mark.parametrize('family,share', UNIFORM)
def test_a_uniform_plan_is_a_stock_config(family, share, tmp_path):
    base = tiny.config(family, tmp_path)
    chosen, found = written(
        exported.planned(family, tmp_path, kept_of(base, share)), tmp_path)
    assert found.stock and 'Slimmed' not in found.config.read_text()
    networks = families.of(rebuilt(found)).networks(rebuilt(found))
    assert networks[chosen[0].name].module.state_dict().keys() == (
        chosen[0].module.state_dict().keys())


def test_another_plan_stands_in_the_config(tmp_path):
    base = tiny.config('biggan', tmp_path)
    kept = kept_of(base, 1)
    name = next(n for n in kept if len(kept[n]) > 8)
    kept = {name: kept[name][1:]}
    chosen, found = written(
        exported.planned('biggan', tmp_path, kept), tmp_path)
    assert not found.stock
    (tmp_path / 'plan.json').unlink()
    model = rebuilt(found)
    network = families.of(model).networks(model)['generator']
    for key, value in chosen[0].module.state_dict().items():
        assert torch.equal(network.ema.state_dict()[key], value), key


@pytest.mark.slow
@pytest.mark.parametrize('seed', [0, 1])
@pytest.mark.parametrize('family', [*tiny.FAMILIES, tiny.FOUND])
def test_any_plan_is_exported_and_comes_back(family, seed, tmp_path):
    base = subjects(tiny.config(family, tmp_path))[0]
    kept = cuts.plan(families.channel_groups(base.module), seed)
    chosen, found = written(exported.planned(family, tmp_path, kept), tmp_path)
    model = rebuilt(found)
    networks = families.of(model).networks(model)
    for subject in chosen:
        state = networks[subject.name].module.state_dict()
        for key, value in subject.module.state_dict().items():
            assert torch.equal(state[key], value), key
    assert all(file.difference < 1e-4
               for file in write_onnx(tmp_path / 'g.onnx', chosen))


def test_the_average_costs_nothing_twice(tmp_path):
    config = tiny.config('biggan', tmp_path)
    chosen, found = written(config, tmp_path)
    weights = sum(v.numel() * v.element_size()
                  for v in chosen[0].module.state_dict().values())
    keys = torch.load(found.weights, weights_only=True)['state_dict']
    assert {k.partition('.')[0] for k in keys} == {
        'generator', 'generator_ema'}
    # Per tensor there is some overhead of the format.
    assert found.bytes < weights + 300 * len(keys)


def test_what_only_training_needs_is_gone(tmp_path):
    config = tiny.config(
        'biggan',
        tmp_path,
        default_hooks=dict(
            sparsity=dict(
                type='mmgancomp.SparsityHook',
                networks=dict(generator=dict(density=0.5)))),
        model=dict(ema_config=dict(type='mmgancomp.SEMA')))
    chosen, found = written(config, tmp_path)
    left = Config.fromfile(found.config)
    for key in ('optim_wrapper', 'train_dataloader', 'train_cfg',
                'work_dir', 'load_from'):
        assert key not in left
    assert 'mmgancomp' not in found.config.read_text()
    assert left.model.discriminator is None
    rebuilt(found)


def test_other_images_are_not_written(tmp_path, monkeypatch):

    def other(model, subjects):
        return {k: v + 1 for k, v in model.state_dict().items()}

    monkeypatch.setattr(mmagic_model, '_state', other)
    config = tiny.config('dcgan', tmp_path)
    with pytest.raises(MMGanCompError, match='gives other images'):
        written(config, tmp_path)
    assert not (tmp_path / 'out').exists()


class Trap:
    """Unpickling it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path), )


@pytest.mark.parametrize('command', ['export', 'test', 'profile'])
def test_no_code_of_a_checkpoint_runs(command, tmp_path, capsys):
    config = exported.testable('dcgan', tmp_path)
    bad = tmp_path / 'bad.pth'
    mark = tmp_path / 'it-ran'
    torch.save(dict(state_dict={}, trap=Trap(mark)), bad)
    words = [command, config.filename, str(bad)]
    if command == 'export':
        words += ['--to', 'mmagic', '--out', str(tmp_path / 'g.pth')]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if 'error' in line]) == 1
    assert 'refused, because it asks for' in said[-1]
    assert not mark.exists() and not (tmp_path / 'g.pth').exists()


@pytest.mark.parametrize('content', [
    b'', b'PK\x03\x04 no archive', pickle.dumps([1, 2])[:-3]
])
def test_a_damaged_checkpoint_is_one_message(content, tmp_path, capsys):
    config = tiny.config('dcgan', tmp_path)
    bad = tmp_path / 'bad.pth'
    bad.write_bytes(content)
    assert main(['export', config.filename, str(bad), '--to', 'sparse',
                 '--out', str(tmp_path / 'g.safetensors')]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if 'error' in line]) == 1
    assert 'cannot be read as a checkpoint' in said[-1]


def test_the_command_says_what_opens_it(tmp_path, capsys):
    config = slim.config('dcgan', tmp_path)
    checkpoint = exported.checkpoint(config, tmp_path / 'a.pth')
    out = tmp_path / 'g.pth'
    assert main(['export', config.filename, checkpoint, '--to', 'mmagic',
                 '--out', str(out)]) == 0
    shown = capsys.readouterr().out
    assert 'a stock config: MMagic alone opens it' in shown
    assert str(tmp_path / 'g.py') in shown
    # What was said to be next works as it stands.
    assert main(['profile', str(tmp_path / 'g.py'), str(out)]) == 0

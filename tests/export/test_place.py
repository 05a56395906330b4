"""``test`` measures an exported file, and finds what the source has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmgancomp.cli.main import main
from mmgancomp.errors import MMGanCompError
from mmgancomp.export.place import exported_kind, find, put
from mmgancomp.runtime.building import build_model
from tests.support import exported, tiny

pytestmark = [
    *tiny.STOCK_WARNINGS,
    # MMagic's data sets of pairs do not say what they are.
    pytest.mark.filterwarnings('ignore:Dataset .* has no metainfo'),
]

SUFFIX = dict(mmagic='.pth', onnx='.onnx', sparse='.safetensors')


def export(config, checkpoint, kind, folder, *words):
    out = folder / f'g{SUFFIX[kind]}'
    assert main(['export', config.filename, checkpoint, '--to', kind,
                 '--out', str(out), *words]) == 0
    return str(out)


def same_figures(family, folder, monkeypatch, *noise):
    """Of the source, and of each kind that is made of it."""
    monkeypatch.setenv('LOCAL_RANK', '0')
    config = exported.testable(family, folder)
    checkpoint = exported.checkpoint(config, folder / 'a.pth', 0.5)
    wanted = exported.figures(config.filename, checkpoint, folder)
    assert wanted
    for kind in SUFFIX:
        words = noise if kind == 'onnx' else ()
        file = export(config, checkpoint, kind, folder, *words)
        used = (file.replace('.pth', '.py')
                if kind == 'mmagic' else config.filename)
        found = exported.figures(used, file, folder)
        assert found == pytest.approx(wanted, rel=1e-3), kind
    return config, checkpoint


def test_figures_are_those_of_the_source(tmp_path, monkeypatch):
    same_figures('biggan', tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize('family',
                         ['dcgan', 'sagan', 'cyclegan', 'srgan', 'esrgan'])
def test_figures_of_every_family(family, tmp_path, monkeypatch):
    same_figures(family, tmp_path, monkeypatch)


@pytest.mark.slow
def test_figures_with_random_noise_maps(tmp_path, monkeypatch):
    same_figures('stylegan2', tmp_path, monkeypatch, '--noise', 'input')


@pytest.fixture
def averaged(tmp_path):
    """A model with an average, and a packed file of it."""
    config = tiny.config('biggan', tmp_path)
    checkpoint = exported.checkpoint(config, tmp_path / 'a.pth', 0.5)
    return config, export(config, checkpoint, 'sparse', tmp_path)


def test_the_live_generator_is_not_in_the_file(averaged):
    config, file = averaged
    model = build_model(config)
    put(model, file)
    model.eval()
    model(dict(num_batches=2, sample_model='ema'))
    with pytest.raises(MMGanCompError, match="sample_model='ema'"):
        model(dict(num_batches=2, sample_model='orig'))


def test_kinds_are_known_by_name_and_content(averaged, tmp_path):
    _, file = averaged
    assert exported_kind(file) == 'sparse'
    plain = tmp_path / 'no_suffix'
    plain.write_bytes(Path(file).read_bytes())
    assert exported_kind(plain) == 'sparse'
    assert exported_kind('gone.onnx') == 'onnx'
    assert exported_kind('gone.pth') is None
    torch.save({}, tmp_path / 'a.pth')
    assert exported_kind(tmp_path / 'a.pth') is None
    (tmp_path / 'x.photo.onnx').touch()
    assert find(tmp_path / 'x.onnx') and not find(tmp_path / 'y.onnx')


@pytest.mark.parametrize('name', ['gone.onnx', 'gone.safetensors'])
def test_a_file_that_is_not_there(name, tmp_path, capsys):
    config = exported.testable('dcgan', tmp_path)
    assert main(['test', config.filename, name]) == 2
    assert f"checkpoint = '{name}': there is no such file" in (
        capsys.readouterr().err)


def test_one_domain_is_missing(tmp_path):
    config = tiny.config('cyclegan', tmp_path)
    (tmp_path / 'g.photo.onnx').touch()
    with pytest.raises(MMGanCompError, match='no .*g.mask.onnx'):
        put(build_model(config), tmp_path / 'g.onnx')

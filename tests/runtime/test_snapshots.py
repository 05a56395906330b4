"""Snapshots hold everything, come back exactly, and fail whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from mmgancomp import families
from mmgancomp.errors import MMGanCompError
from mmgancomp.runtime.snapshots import Snapshots
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture(scope='module')
def model():
    """BigGAN: spectral norm, batch statistics, and an EMA copy."""
    return tiny.model('biggan')


@pytest.fixture
def snapshots(model, tmp_path):
    networks = families.of(model).networks(model)
    assert networks['generator'].ema is not None
    return Snapshots(model, networks, tmp_path / 'snapshots')


def _state(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def _disturb(model):
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)


def _changed(model, before):
    return {k for k, v in model.state_dict().items()
            if not torch.equal(v, before[k])}


def test_a_snapshot_brings_back_every_entry(model, snapshots):
    before = _state(model)
    assert any(k.endswith('weight_u') for k in before)
    assert any(k.startswith('generator_ema.') for k in before)
    snapshots.save('theta0', update=7)
    _disturb(model)
    assert _changed(model, before) == set(before)
    info = snapshots.load('theta0')
    assert info == dict(name='theta0', update=7)
    assert not _changed(model, before)


def test_one_network_comes_back_with_its_average(model, snapshots):
    before = _state(model)
    snapshots.save('theta0')
    _disturb(model)
    snapshots.load('theta0', ['generator'])
    left = _changed(model, before)
    assert {k.partition('.')[0] for k in left} == {
        'discriminator', 'generator_ema'}
    # The average's own counter is no part of the network.
    assert {k for k in left if not k.startswith('discriminator.')} == {
        'generator_ema.steps'}


def test_a_snapshot_is_an_ordinary_checkpoint(model, snapshots):
    path = snapshots.save('late_0.1')
    content = torch.load(path, weights_only=True)
    tiny.model('biggan').load_state_dict(content['state_dict'], strict=True)
    assert snapshots.names() == ['late_0.1']


def test_saving_again_replaces(model, snapshots):
    snapshots.save('best', update=1)
    snapshots.save('best', update=2)
    assert snapshots.read('best')[1]['update'] == 2
    assert len(list(snapshots.path('best').parent.iterdir())) == 1


@pytest.mark.parametrize('spoil', [
    lambda content: content[:-100],
    lambda content: content[:1000] + b'\xff' * 5000 + content[6000:],
    lambda content: b'',
    lambda content: b'no checkpoint',
], ids=['truncated', 'overwritten', 'empty', 'text'])
def test_a_damaged_file_is_named_and_nothing_is_loaded(model, snapshots,
                                                       spoil):
    path = snapshots.save('theta0')
    path.write_bytes(spoil(path.read_bytes()))
    before = _state(model)
    with pytest.raises(MMGanCompError, match=r'theta0\.pth is not a snapsh'):
        snapshots.load('theta0')
    assert not _changed(model, before)


def test_a_snapshot_of_another_model_loads_nothing(model, snapshots):
    path = snapshots.save('theta0')
    content = torch.load(path, weights_only=True)
    name = list(content['state_dict'])[-1]
    for change, said in [
        (lambda state: state.pop(name), 'missing there'),
        (lambda state: state.update(more=torch.ones(1)), 'more is missing'),
        (lambda state: state.update({name: torch.ones(5, 5)}),
         r'\(5, 5\) there'),
    ]:
        state = dict(content['state_dict'])
        change(state)
        torch.save({**content, 'state_dict': state}, path)
        _disturb(model)
        before = _state(model)
        with pytest.raises(MMGanCompError, match=f'another model.*{said}'):
            snapshots.load('theta0')
        assert not _changed(model, before)


def test_wrong_names_say_which_there_are(snapshots):
    snapshots.save('dense_final')
    with pytest.raises(MMGanCompError, match="did you mean 'dense_final'"):
        snapshots.load('dense-final')
    with pytest.raises(MMGanCompError, match="did you mean 'generator'"):
        snapshots.load('dense_final', ['generater'])
    for name in ('', '../theta0', 'a/b', '.hidden'):
        with pytest.raises(MMGanCompError, match='cannot name a snapshot'):
            snapshots.path(name)


def test_wrapped_networks_keep_their_stock_names(model, snapshots):
    """As MMSeparateDistributedDataParallel leaves a model."""

    class Wrapper(nn.Module):

        def __init__(self, module):
            super().__init__()
            self.module = module

    before = _state(model)
    parts = {name: getattr(model, name)
             for name in ('generator', 'discriminator')}
    MODEL_WRAPPERS.register_module(module=Wrapper, force=True)
    try:
        for name, part in parts.items():
            setattr(model, name, Wrapper(part))
        networks = {n: replace(v) for n, v in families.of(model).networks(
            model).items()}
        wrapped = Snapshots(model, networks, snapshots.path('x').parent)
        assert set(wrapped.read(wrapped.save('theta0').stem)[0]) == set(
            before)
        _disturb(model)
        wrapped.load('theta0')
    finally:
        MODEL_WRAPPERS._module_dict.pop('Wrapper')
        for name, part in parts.items():
            setattr(model, name, part)
    assert not _changed(model, before)

"""Names without the levels that wrappers put in."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mmgancomp.registry  # noqa: F401  (applies the repairs)
from mmgancomp.repairs.naming import stock_name

KNOWN = {'g.conv.weight', 'ema.module.conv.weight', 'module.x', 'd.a.w'}


@pytest.mark.parametrize(('name', 'stock'), [
    ('g.conv.weight', 'g.conv.weight'),
    ('g.module.conv.weight', 'g.conv.weight'),
    ('g.module.module.conv.weight', 'g.conv.weight'),
    ('module.g.module.conv.weight', 'g.conv.weight'),
    ('ema.module.conv.weight', 'ema.module.conv.weight'),
    ('ema.module.module.conv.weight', 'ema.module.conv.weight'),
    ('module.ema.module.conv.weight', 'ema.module.conv.weight'),
    ('module.x', 'module.x'),
    ('d.a.module.w', 'd.a.w'),
    ('g.module.other', 'g.module.other'),
    ('g.modules.conv.weight', 'g.modules.conv.weight'),
])
def test_levels_are_left_out_until_the_name_is_known(name, stock):
    assert stock_name(name, KNOWN) == stock


def _model():
    model = nn.Module()
    model.generator = nn.utils.spectral_norm(nn.Linear(3, 2))
    model.generator_ema = nn.Module()
    model.generator_ema.module = nn.BatchNorm1d(2)
    return model


def _as_saved_by_several_processes(model):
    copy = _model()
    copy.load_state_dict(model.state_dict())
    generator = copy.generator
    copy.generator = nn.Module()
    copy.generator.module = generator
    return copy.state_dict()


def test_versions_travel_with_the_names():
    """Spectral norm reads its version: without it the load goes wrong."""
    from mmengine.runner.checkpoint import load_state_dict
    source, target = _model(), _model()
    with torch.no_grad():
        source.generator(torch.randn(4, 3))
    load_state_dict(
        target, _as_saved_by_several_processes(source), strict=True)
    expected = source.state_dict()
    for name, value in target.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_what_is_missing_is_still_reported():
    from mmengine.runner.checkpoint import load_state_dict
    state = _as_saved_by_several_processes(_model())
    del state['generator.module.bias']
    state['generator.module.odd'] = torch.zeros(1)
    with pytest.raises(RuntimeError) as caught:
        load_state_dict(_model(), state, strict=True)
    assert 'generator.bias' in str(caught.value)
    assert 'generator.module.odd' in str(caught.value)

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper

from mmgancomp.cli.amp import enable_amp
from mmgancomp.cli.common import load_config
from mmgancomp.errors import ConfigError
from mmgancomp.runtime.building import build_model
from tests.support import tiny

# torch.cuda.amp.GradScaler says that it is of no use without CUDA.
pytestmark = [
    *tiny.STOCK_WARNINGS,
    pytest.mark.filterwarnings('ignore:.*GradScaler')
]


@pytest.fixture
def accelerator(monkeypatch):
    """Lets MMEngine think that there is one."""
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cuda')
    monkeypatch.setattr(
        'mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available',
        lambda: True)


def built(config):
    """The optimizer wrappers as a Runner would build them."""
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import DefaultScope
    with DefaultScope.overwrite_default_scope('mmagic'):
        return build_optim_wrapper(build_model(config), config.optim_wrapper)


def test_without_an_accelerator_it_is_refused(tmp_path):
    config = tiny.config('dcgan', tmp_path)
    with pytest.raises(ConfigError, match='needs an accelerator'):
        enable_amp(config)


@pytest.mark.parametrize('family', ['dcgan', 'biggan', 'cyclegan'])
def test_every_network_gets_amp(tmp_path, accelerator, family):
    config = tiny.config(family, tmp_path)
    model = config.model.to_dict()
    enable_amp(config)
    wrappers = dict(built(config).items())
    assert len(wrappers) == 2
    for name, wrapper in wrappers.items():
        assert isinstance(wrapper, AmpOptimWrapper), name
        assert config.optim_wrapper[name].loss_scale == 'dynamic'
    assert config.model == model


def test_amp_that_is_set_up_already_stays_as_it_is(tmp_path, accelerator):
    config = tiny.config('dcgan', tmp_path)
    config.optim_wrapper.generator.update(
        type='AmpOptimWrapper', loss_scale=64.)
    enable_amp(config)
    assert config.optim_wrapper.generator.loss_scale == 64.
    assert config.optim_wrapper.discriminator.loss_scale == 'dynamic'


def test_other_wrappers_are_not_replaced(tmp_path, accelerator):
    config = tiny.config('dcgan', tmp_path)
    config.optim_wrapper.generator.type = 'ApexOptimWrapper'
    with pytest.raises(ConfigError, match='optim_wrapper.generator.type'):
        enable_amp(config)


def test_a_single_wrapper_is_replaced_too(tmp_path, accelerator):
    config = tiny.config('dcgan', tmp_path)
    config.optim_wrapper = dict(
        optimizer=dict(type='Adam', lr=1e-3), modules=['generator'])
    enable_amp(config)
    assert config.optim_wrapper.type == 'AmpOptimWrapper'


def test_no_wrapper_at_all(accelerator):
    with pytest.raises(ConfigError, match='optim_wrapper = None'):
        enable_amp(Config(dict(model=dict())))


def test_stylegan2_halves_the_blocks_that_its_stock_config_halves(
        tmp_path, accelerator):
    config = tiny.config('stylegan2', tmp_path)
    stock = load_config(
        'mmagic::styleganv2/stylegan2_c2-PL_8xb4-fp16-partial-GD-no-scaler-'
        '800kiters_ffhq-256x256.py')
    for part in ('generator', 'discriminator'):
        config.model[part].type = stock.model[part].type
    config.model.generator.out_size = 8
    config.model.discriminator.in_size = 8
    enable_amp(config)
    for part in ('generator', 'discriminator'):
        own, theirs = config.model[part], stock.model[part]
        assert own.num_fp16_scales == theirs.num_fp16_scales
        wrapper = config.optim_wrapper[part]
        assert wrapper.type == stock.optim_wrapper[part].type
        assert wrapper.loss_scale == stock.optim_wrapper[part].loss_scale
        assert isinstance(wrapper.loss_scale, float)


def test_stylegan2_with_networks_of_another_kind_is_refused(
        tmp_path, accelerator):
    config = tiny.config('stylegan2', tmp_path)
    with pytest.raises(ConfigError, match='model.generator.type'):
        enable_amp(config)

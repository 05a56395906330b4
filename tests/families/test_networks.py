from __future__ import annotations

import pytest
import torch.distributed
from mmengine.model import (
    MMDistributedDataParallel,
    MMSeparateDistributedDataParallel,
)
from torch import nn

from mmgancomp import families
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS

FAMILY = dict(
    stylegan2='stylegan2',
    biggan='biggan',
    sagan='sagan',
    sngan_proj='sagan',
    dcgan='plain',
    cyclegan='cyclegan',
    pix2pix='pix2pix',
    srgan='srgan',
    esrgan='srgan')

NAMES = dict.fromkeys(FAMILY, ['generator', 'discriminator']) | dict(
    cyclegan=[
        'generators.photo', 'generators.mask', 'discriminators.photo',
        'discriminators.mask'
    ],
    pix2pix=['generators.photo', 'discriminators.photo'])

WITH_AVERAGE = {'stylegan2', 'biggan'}


@pytest.fixture
def distributed(tmp_path):
    """Starts a group of one process.

    Called after the model is built, which else chooses norm layers that work
    on a GPU only.
    """

    def start() -> None:
        torch.distributed.init_process_group(
            'gloo',
            init_method=f'file://{tmp_path}/store',
            rank=0,
            world_size=1)

    yield start
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize('name', tiny.FAMILIES)
def test_every_stock_model_has_its_family(name):
    assert families.of(tiny.model(name)).name == FAMILY[name]


@pytest.mark.parametrize('name', tiny.FAMILIES)
def test_networks_of_a_model(name):
    model = tiny.model(name)
    networks = families.of(model).networks(model)
    assert list(networks) == NAMES[name]
    for key, network in networks.items():
        assert network.name == key
        assert network.module is model.get_submodule(key)
        assert network.optimizer == key.partition('.')[0]
        assert key.startswith(network.role)
        averaged = name in WITH_AVERAGE and network.role == 'generator'
        assert (network.ema is not None) == averaged
        if averaged:
            assert network.ema is model.generator_ema.module
            ours = {f'{key}.{inside}'
                    for inside in network.module.state_dict()}
            assert ours <= model.state_dict().keys()


@pytest.mark.parametrize('name', tiny.FAMILIES)
def test_networks_come_out_of_the_stock_wrapper(name, distributed):
    model = tiny.model(name)
    before = families.of(model).networks(model)
    distributed()
    wrapped = MMSeparateDistributedDataParallel(model, broadcast_buffers=False)
    # What was wrapped is really another module now.
    first = next(iter(before)).partition('.')[0]
    assert isinstance(getattr(model, first), MMDistributedDataParallel)
    assert families.of(wrapped).name == FAMILY[name]
    # Equal to the field: the same bare modules under the same names.
    assert families.of(wrapped).networks(wrapped) == before


@pytest.mark.parametrize('name', ['cyclegan', 'pix2pix'])
def test_networks_come_out_of_a_wrapper_per_domain(name, distributed):
    model = tiny.model(name)
    before = families.of(model).networks(model)
    distributed()
    for key in ('generators', 'discriminators'):
        domains = getattr(model, key)
        for domain in list(domains):
            domains[domain] = MMDistributedDataParallel(domains[domain])
    assert families.of(model).networks(model) == before


def test_a_model_that_only_samples_has_no_discriminator():
    model = tiny.model('dcgan', discriminator=None)
    assert list(families.of(model).networks(model)) == ['generator']


def test_a_subclass_stays_in_the_family():
    kind = type(tiny.model('sngan_proj'))

    class Mine(kind):
        pass

    model = tiny.model('sngan_proj')
    model.__class__ = Mine
    assert families.of(model).name == 'sagan'


def test_growing_models_are_not_taken_for_plain_ones():
    from mmagic.models.editors.pggan import ProgressiveGrowingGAN
    model = ProgressiveGrowingGAN.__new__(ProgressiveGrowingGAN)
    nn.Module.__init__(model)
    with pytest.raises(families.ConfigError, match='ProgressiveGrowingGAN'):
        families.of(model)

from __future__ import annotations

import pytest
import torch

from mmgancomp.cli.common import load_config
from mmgancomp.errors import ConfigError
from mmgancomp.evaluation.profile_document import document, model_names
from mmgancomp.evaluation.profile_model import subjects
from mmgancomp.sparsity import MaskedNetwork
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture
def biggan(tmp_path):
    return tiny.config('biggan', tmp_path)


def save(path, module, prefix, **more):
    state = {f'{prefix}{k}': v for k, v in module.state_dict().items()}
    torch.save(dict(state_dict=state, **more), path)
    return path


def test_stock_sngan_generator_counted_by_hand():
    config = load_config(f'mmagic::{tiny.FAMILIES["sngan_proj"]}')
    generator, = subjects(config)
    found = document([('g', 'c', None, [generator])], rounds=1)
    network = found['models'][0]['networks']['generator']
    convolutions = 6 * (256 * 256 * 9 + 256) + 3 * (256 * 256 + 256)
    to_rgb = 3 * 256 * 9 + 3 + 2 * 256
    norms = 3 * 2 * 2 * 10 * 256
    assert network['params'] == (128 * 4096 + 4096 + convolutions + norms +
                                 to_rgb)
    # Two convolutions and a shortcut at 8, 16 and 32 px.
    per_pixel = 2 * 256 * 256 * 9 + 256 * 256
    assert network['macs']['executed'] == (128 * 4096 + per_pixel *
                                           (8**2 + 16**2 + 32**2) +
                                           3 * 256 * 9 * 32**2)


def test_average_copy_is_profiled_where_there_is_one(biggan, tmp_path):
    first, = subjects(biggan)
    path = save(tmp_path / 'a.pth', first.module, 'generator_ema.module.')
    again, = subjects(biggan, path)
    assert again.weights == 'ema'
    for name, value in first.module.state_dict().items():
        assert torch.equal(value, again.module.state_dict()[name]), name
    live, = subjects(biggan, names=['discriminator'])
    assert live.weights == 'live'


def test_masks_come_from_the_checkpoint(biggan, tmp_path):
    first, = subjects(biggan)
    masked = MaskedNetwork(first.module,
                           first.family.convolutions(first.module))
    masked.prune(density=0.2)
    state = dict(generator=dict(masks=masked.state_dict()))
    path = save(
        tmp_path / 'a.pth',
        first.module,
        'generator_ema.module.',
        mmgancomp=dict(schema=1, sparsity=state))
    again, = subjects(biggan, path)
    found = document([('g', 'c', str(path), [again])], rounds=1)
    network = found['models'][0]['networks']['generator']
    assert network['density_by'] == 'mask'
    assert network['kept'] == masked.survivors
    assert found['models'][0]['bytes_packed'] < found['models'][0]['bytes']


def test_names_of_a_several_process_run_are_understood(tmp_path):
    config = tiny.config('dcgan', tmp_path)
    first, = subjects(config)
    path = save(tmp_path / 'a.pth', first.module, 'generator.module.')
    again, = subjects(config, path)
    for name, value in first.module.state_dict().items():
        assert torch.equal(value, again.module.state_dict()[name]), name


@pytest.mark.parametrize('change,said', [
    (lambda s: s.pop('generator.noise2feat.conv.weight'),
     'noise2feat.conv.weight is missing'),
    (lambda s: s.update({'generator.extra': torch.ones(1)}),
     'extra is not in the network'),
    (lambda s: s.update(
        {'generator.noise2feat.conv.weight': torch.ones(1, 2)}),
     r'noise2feat.conv.weight is \(1, 2\), the network has'),
    (lambda s: s.clear(), 'holds no weights; name a checkpoint'),
])
def test_weights_that_do_not_fit_are_named(tmp_path, change, said):
    config = tiny.config('dcgan', tmp_path)
    generator, = subjects(config)
    path = save(tmp_path / 'a.pth', generator.module, 'generator.')
    loaded = torch.load(path)
    change(loaded['state_dict'])
    torch.save(loaded, path)
    with pytest.raises(ConfigError, match=said) as error:
        subjects(config, path)
    assert '\n' not in str(error.value)


def test_networks_by_role_by_name_and_wrong(tmp_path):
    config = tiny.config('cyclegan', tmp_path)

    def names(*asked):
        return [subject.name for subject in subjects(config, names=asked)]

    assert names('generator') == ['generators.photo', 'generators.mask']
    assert names('generators.mask') == ['generators.mask']
    assert names('generators.mask', 'generator') == [
        'generators.mask', 'generators.photo'
    ]
    assert len(names('all')) == 4
    with pytest.raises(ConfigError, match="did you mean 'generator'"):
        names('genrator')


def test_two_models_are_compared_network_by_network(tmp_path):
    config = tiny.config('cyclegan', tmp_path)
    pair = [('one', 'c', None, subjects(config, size=16)),
            ('two', 'c', None,
             subjects(config, names=['generators.mask'], size=16))]
    found = document(pair, rounds=3, batch=2)
    assert list(found['comparison']['latency_ratio']) == ['generators.mask']
    first, second = found['models']
    for network in first['networks'].values():
        assert network['latency_ms']['batch'] == 2
    assert second['reference'] and 'reference' not in first
    # Bytes of both generators; a latency of the model only if it has one.
    assert first['bytes'] == sum(n['bytes']
                                 for n in first['networks'].values())
    assert 'latency_ms' not in first and 'latency_ms' in second


def test_names_tell_models_apart():
    assert model_names(['a/x.py', 'b/y.py'], [None, None]) == ['x', 'y']
    assert model_names(['x.py', 'x.py'], ['r/1.pth', None]) == [
        'x r/1.pth', 'x as initialised'
    ]
    assert len(set(model_names(['x.py', 'x.py'], [None, None]))) == 2

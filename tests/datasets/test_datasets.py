"""The datasets, alone and through MMagic's own preprocessing."""

import random

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner

from mmgancomp.datasets import DigitsDataset, EdgesDataset, TexturesDataset
from mmgancomp.errors import ConfigError
from mmgancomp.images import digits, photo_area
from mmgancomp.registry import DATASETS, MODELS

PACK = [dict(type='PackInputs')]


def preprocessed(dataset, count, **preprocessor):
    """A training batch as a stock model gets it."""
    batch = pseudo_collate([dataset[i] for i in range(count)])
    build = MODELS.build(dict(type='mmagic.DataPreprocessor', **preprocessor))
    return build(batch, training=True)


@pytest.fixture(autouse=True)
def mmagic_transforms():
    from mmagic.utils import register_all_modules
    register_all_modules()


def test_registered_with_the_prefix():
    for kind in (DigitsDataset, TexturesDataset, EdgesDataset):
        built = DATASETS.build(dict(type=f'mmgancomp.{kind.__name__}'))
        assert type(built) is kind


@pytest.mark.parametrize('size', [16, 32])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('split, count', [('train', 1200), ('test', 597)])
def test_digits_samples(size, channels, split, count):
    dataset = DigitsDataset(split=split, size=size, channels=channels)
    images, labels = digits(split, size)
    assert len(dataset) == count
    sample = dataset[5]
    assert sample['gt'].shape == (size, size, channels)
    assert sample['gt'].dtype == np.uint8
    assert (sample['gt'] == images[5][:, :, None]).all()
    assert sample['gt_label'] == labels[5]
    assert dataset.get_cat_ids(5) == [labels[5]]


def test_digits_know_their_classes():
    assert DigitsDataset().metainfo['classes'] == tuple('0123456789')


@pytest.mark.parametrize('channels', [1, 3])
def test_digits_reach_the_model_in_minus_one_to_one(channels):
    dataset = DigitsDataset(channels=channels, pipeline=PACK)
    samples = preprocessed(dataset, 8)['data_samples']
    expected = torch.from_numpy(digits('train')[0][:8]).float() / 127.5 - 1
    assert samples.gt_img.shape == (8, channels, 16, 16)
    for channel in range(channels):
        assert torch.allclose(samples.gt_img[:, channel], expected,
                              atol=1e-6)
    assert samples.gt_label.label.flatten().tolist() == digits(
        'train')[1][:8].tolist()


def test_texture_samples():
    dataset = TexturesDataset(domain_a='photo', domain_b='mask', channels=3)
    sample = dataset[0]
    assert len(dataset) == 1024
    assert {key for key in sample if key.startswith('img')
            } == {'img_photo', 'img_mask'}
    for key in ('img_photo', 'img_mask'):
        assert sample[key].shape == (32, 32, 3)
        assert sample[key].dtype == np.uint8


def found_in(crop, area):
    """Whether a crop (S, S, 1) is a window of an area."""
    windows = np.lib.stride_tricks.sliding_window_view(
        area.round().astype(np.uint8), crop.shape[:2])
    return bool((windows == crop[:, :, 0]).all((2, 3)).any())


@pytest.mark.parametrize('split, other', [('train', 'test'),
                                          ('test', 'train')])
def test_crops_come_from_their_own_area_only(split, other):
    dataset = TexturesDataset(split=split)
    for index in range(0, len(dataset), len(dataset) // 4):
        sample = dataset[index]
        for name in ('brick', 'gravel'):
            crop = sample[f'img_{name}']
            assert found_in(crop, photo_area(name, split))
            assert not found_in(crop, photo_area(name, other))


@pytest.mark.parametrize('kind', [TexturesDataset, EdgesDataset])
def test_held_out_crops_are_fixed_and_all_different(kind):
    one, other = kind(split='test'), kind(split='test')
    keys = list(one.areas)
    assert len(one) == 64
    for key in keys:
        crops = np.stack([sample[key] for sample in one])
        np.random.seed(1)
        assert np.array_equal(crops, [sample[key] for sample in other])
        assert len(np.unique(crops.reshape(64, -1), axis=0)) == 64


@pytest.mark.parametrize('kind', [TexturesDataset, EdgesDataset])
def test_training_crops_follow_numpys_global_state_alone(kind):
    dataset = kind()
    key = list(dataset.areas)[1]
    state = np.random.get_state()
    first = [dataset[0][key] for _ in range(3)]
    random.random(), torch.rand(1)
    again = kind()
    np.random.set_state(state)
    second = [again[9][key] for _ in range(3)]
    assert np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


def test_unpaired_crops_are_independent():
    dataset = TexturesDataset(photo_a='gravel', photo_b='brick')
    places = set()
    for _ in range(4):
        sample = dataset[0]
        places.add((sample['img_gravel'].tobytes(),
                    sample['img_brick'].tobytes()))
    assert len({a for a, _ in places}) == len({b for _, b in places}) == 4


@pytest.mark.parametrize('split', ['train', 'test'])
def test_edges_belong_to_their_gravel(split):
    dataset = EdgesDataset(split=split)
    edges, gravel = (dataset.areas[key].round().astype(np.uint8)
                     for key in ('img_edges', 'img_gravel'))
    windows = np.lib.stride_tricks.sliding_window_view(gravel, (32, 32))
    for index in range(3):
        sample = dataset[index]
        match = (windows == sample['img_gravel'][:, :, 0]).all((2, 3))
        (row, ), (column, ) = np.nonzero(match)
        assert np.array_equal(sample['img_edges'][:, :, 0],
                              edges[row:row + 32, column:column + 32])


def test_flips_turn_both_halves_of_a_pair():
    keys = ['img_edges', 'img_gravel']
    flip = [dict(type='Flip', keys=keys, flip_ratio=1.)]
    np.random.seed(3)
    plain = EdgesDataset()[0]
    np.random.seed(3)
    flipped = EdgesDataset(pipeline=flip)[0]
    for key in keys:
        assert np.array_equal(flipped[key], plain[key][:, ::-1])


@pytest.mark.parametrize('file, keys', [
    ('digits_16', ['gt_img']),
    ('digits_32', ['gt_img']),
    ('textures_32', ['img_photo', 'img_mask']),
    ('edges_32', ['img_photo', 'img_mask']),
])
def test_base_configs_give_batches(root, file, keys):
    config = Config.fromfile(root / f'configs/_base_/datasets/{file}.py')
    for part in ('train_data', 'test_data'):
        loader = Runner.build_dataloader(config[part], seed=0)
        batch = next(iter(loader))
        preprocessor = MODELS.build(
            dict(type='mmagic.DataPreprocessor', data_keys=keys))
        size = 16 if file.endswith('16') else 32
        samples = preprocessor(batch, training=True)['data_samples']
        for key in keys:
            images = getattr(samples, key)
            assert images.shape[0] == config[part].batch_size
            assert images.shape[2:] == (size, size)
            assert images.min() >= -1 and images.max() <= 1
            assert images.std() > 0.05
        assert config[part].dataset.split == part[:-5]


def test_base_configs_stand_beside_a_stock_config(root, tmp_path):
    file = tmp_path / 'config.py'
    base = root / 'configs/_base_/datasets/textures_32.py'
    file.write_text(
        "_base_ = ['mmagic::cyclegan/"
        "cyclegan_lsgan-resnet-in_1xb1-80kiters_facades.py',"
        f' {str(base)!r}]\n'
        'train_dataloader = dict(_delete_=True, **_base_.train_data)\n')
    loader = Config.fromfile(file).train_dataloader
    assert loader.dataset.type == 'mmgancomp.TexturesDataset'
    assert 'data_root' not in loader.dataset


@pytest.mark.parametrize('kind, wrong, key', [
    (DigitsDataset, dict(split='val'), 'split'),
    (DigitsDataset, dict(size=28), 'size'),
    (DigitsDataset, dict(channels=2), 'channels'),
    (DigitsDataset, dict(channels=True), 'channels'),
    (TexturesDataset, dict(split='testA'), 'split'),
    (TexturesDataset, dict(size=65), 'size'),
    (TexturesDataset, dict(size=32.), 'size'),
    (TexturesDataset, dict(length=0), 'length'),
    (TexturesDataset, dict(photo_a='grass'), 'photo'),
    (TexturesDataset, dict(photo_b='brick'), 'photo_b'),
    (TexturesDataset, dict(domain_a='x', domain_b='x'), 'domain_b'),
    (EdgesDataset, dict(size=4), 'size'),
    (EdgesDataset, dict(target_domain='edges'), 'target_domain'),
])
def test_wrong_settings_end_in_one_message(kind, wrong, key):
    with pytest.raises(ConfigError, match=rf'^{key} = '):
        kind(**wrong)

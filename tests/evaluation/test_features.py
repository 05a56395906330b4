"""The feature network: good enough, the same each time, kept on disk."""

import random

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmgancomp.errors import ConfigError
from mmgancomp.evaluation import feature_store
from mmgancomp.evaluation.feature_store import cache_path, load_features
from mmgancomp.evaluation.features import (
    FeatureNetwork,
    Recipe,
    _shift,
    accuracy_of,
    digit_tensors,
    train_feature_network,
)

QUICK = Recipe(epochs=1)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and nothing kept in memory."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(feature_store, '_loaded', {})
    return tmp_path


def test_parameter_count():
    count = sum(p.numel() for p in FeatureNetwork(16).parameters())
    assert count == 30954


def test_features_come_before_the_relu():
    network = FeatureNetwork(16).eval()
    features = network.features(torch.randn(50, 1, 16, 16))
    assert features.shape == (50, 32) and (features < 0).any()
    assert torch.equal(
        network.classify(features), network.classify(features.relu()))


def test_names_held_out_digits():
    network = train_feature_network()
    assert accuracy_of(network, 'test') >= 0.97
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


def test_names_held_out_digits_at_32_pixels():
    assert accuracy_of(train_feature_network(Recipe(size=32, epochs=3))) > .9


def test_retraining_gives_the_same_bits_in_any_process_state():
    one = train_feature_network(QUICK)
    torch.manual_seed(77)
    torch.set_num_threads(2)
    try:
        with torch.inference_mode():
            other = train_feature_network(QUICK)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_seed_matters():
    one = train_feature_network(QUICK)
    other = train_feature_network(Recipe(epochs=1, seed=1))
    assert not torch.equal(one.head.weight, other.head.weight)


def test_training_leaves_the_global_random_states_alone():
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(),
              random.getstate())
    train_feature_network(QUICK)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_shift_moves_each_image_by_itself():
    images = -torch.ones(64, 1, 8, 8)
    images[:, :, 4, 4] = 1
    moved = _shift(images, 1, torch.Generator().manual_seed(0))
    places = (moved[:, 0] == 1).nonzero()
    assert len(places) == 64  # no dot is lost
    assert (places[:, 1:] - 4).abs().max() == 1
    assert len(places[:, 1:].unique(dim=0)) == 9


def test_only_the_training_split_is_seen(monkeypatch):
    asked = []

    def record(split, size):
        asked.append(split)
        return digit_tensors(split, size)

    monkeypatch.setattr('mmgancomp.evaluation.features.digit_tensors', record)
    train_feature_network(QUICK)
    assert asked == ['train']


def test_kept_in_the_cache_and_found_again(cache, monkeypatch):
    first = load_features(QUICK)
    assert first.path == cache_path(QUICK)
    assert cache in first.path.parents
    assert first.seconds > 0
    with safe_open(first.path, 'pt') as file:
        assert float(file.metadata()['accuracy']) == first.accuracy

    monkeypatch.setattr(feature_store, '_loaded', {})
    second = load_features(QUICK)
    assert second.seconds == 0 and second.accuracy == first.accuracy
    assert torch.equal(first.network.head.weight, second.network.head.weight)
    # and it works as the trained one does
    assert accuracy_of(second.network) == first.accuracy
    assert [path.name for path in first.path.parent.iterdir()
            ] == [first.path.name]


def test_another_recipe_replaces_the_file(cache, tmp_path):
    file = tmp_path / 'features.safetensors'
    one = load_features(QUICK, file)
    other = load_features(Recipe(epochs=1, noise=.2), file)
    assert other.seconds > 0
    assert not torch.equal(one.network.head.weight, other.network.head.weight)


def test_other_images_replace_the_file(cache, monkeypatch):
    before = QUICK.digest()
    monkeypatch.setattr(
        'mmgancomp.evaluation.features.digits', lambda split, size:
        (np.zeros((1, size, size), np.uint8), np.zeros(1, np.int64)))
    assert QUICK.digest() != before


def test_a_broken_cache_file_is_replaced(cache):
    file = cache_path(QUICK)
    file.parent.mkdir(parents=True)
    file.write_bytes(b'half a file')
    assert load_features(QUICK).seconds > 0
    with safe_open(file, 'pt') as content:
        assert content.metadata()['format'] == feature_store.FORMAT


@pytest.mark.parametrize('safetensors', [True, False])
def test_a_foreign_file_is_never_overwritten(cache, tmp_path, safetensors):
    file = tmp_path / 'generator.safetensors'
    if safetensors:
        save_file(dict(weight=torch.ones(2)), file)
    else:
        file.write_bytes(b'precious')
    content = file.read_bytes()
    with pytest.raises(ConfigError, match='generator.safetensors'):
        load_features(QUICK, file)
    assert file.read_bytes() == content


def test_a_cache_that_cannot_be_written_costs_only_time(
        cache, monkeypatch, caplog):
    def refuse(path, content):
        raise PermissionError('read-only')

    monkeypatch.setattr(feature_store, 'write_whole', refuse)
    stored = load_features(QUICK)
    assert stored.path is None
    assert 'read-only' in caplog.text
    with pytest.raises(ConfigError, match='cannot be written'):
        load_features(QUICK, cache / 'mine.safetensors')

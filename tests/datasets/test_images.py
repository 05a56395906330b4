"""The shipped images: fixed splits, disjoint areas, no download."""

import hashlib
import socket

import numpy as np
import pytest
from skimage.filters import sobel
from sklearn.datasets import load_digits

from mmgancomp import images
from mmgancomp.errors import ConfigError
from mmgancomp.images import digits, photo_area, soft_edges


def test_digits_are_split_1200_to_597():
    train, train_labels = digits('train')
    test, test_labels = digits('test')
    assert train.shape == (1200, 16, 16) and train_labels.shape == (1200, )
    assert test.shape == (597, 16, 16) and test_labels.shape == (597, )
    assert train.dtype == np.uint8
    assert train.min() == 0 and train.max() == 255


def test_split_is_stratified():
    for split, count in (('train', 1200), ('test', 597)):
        share = np.bincount(digits(split)[1], minlength=10) / count
        every = np.bincount(load_digits().target) / 1797
        # at most one image per class away from the shares of the whole
        assert np.abs(share - every).max() <= 1 / count


def test_every_scan_is_in_exactly_one_split():
    _, _, held_out = images._digit_scans()
    assert held_out.sum() == 597
    mean = np.concatenate([digits('train')[0],
                           digits('test')[0]]).mean((1, 2))
    expected = images._digit_scans()[0].mean((1, 2)) * 255 / 16
    assert np.allclose(np.sort(mean), np.sort(expected), atol=1)


def test_split_never_changes():
    """A feature network or model of yesterday has seen the same images."""
    labels = digits('train')[1].astype('<i8').tobytes()
    digest = hashlib.md5(labels).hexdigest()
    assert digest == '889c9080b82acaf6a1c3c0de13d71820'


def test_enlarging_keeps_the_picture():
    small, large = digits('test', 16)[0], digits('test', 32)[0]
    assert large.shape == (597, 32, 32)
    pooled = large.reshape(597, 16, 2, 16, 2).mean((2, 4))
    # bilinear enlargement smooths, so edges differ a little
    assert np.abs(pooled - small).mean() < 6


def test_digits_are_copies():
    digits('test')[0][:] = 7
    digits('test')[1][:] = 7
    assert digits('test')[0].max() == 255
    assert len(set(digits('test')[1])) == 10


@pytest.mark.parametrize('name', images.PHOTOS)
def test_areas_are_disjoint_parts_of_the_photograph(name):
    whole = images._photo(name)
    assert whole.shape == (256, 256)
    train, test = photo_area(name, 'train'), photo_area(name, 'test')
    assert train.shape == (256, 192) and test.shape == (256, 64)
    assert np.array_equal(np.hstack([train, test]), whole)


def test_photographs_are_pooled():
    from skimage.data import brick
    first = brick()[:2, :2].mean()
    assert photo_area('brick', 'train')[0, 0] == first


def test_held_out_edges_come_from_the_held_out_area_alone():
    alone = sobel(photo_area('gravel', 'test'))
    edges = soft_edges('gravel', 'test')
    grey = (edges > 0) & (edges < 255)
    assert grey[:, 0].sum() > 200  # the border column is checked too
    factor = edges[grey] / alone[grey]
    assert np.allclose(factor, factor[0], rtol=1e-4)


def test_edges_use_the_whole_range():
    for split in ('train', 'test'):
        edges = soft_edges('gravel', split)
        assert edges.min() >= 0 and edges.max() == 255
        assert edges.shape == photo_area('gravel', split).shape
    # by its definition 2 % of the training area is white
    white = (soft_edges('gravel', 'train') == 255).mean()
    assert 0.015 < white < 0.025


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError('went to the network')

    monkeypatch.setattr(socket.socket, 'connect', refuse)
    images._photo.cache_clear()
    images._digit_scans.cache_clear()
    assert photo_area('brick', 'train').size
    assert digits('train')[0].size


@pytest.mark.parametrize('call, key', [
    (lambda: digits('val'), 'split'),
    (lambda: digits('train', 64), 'size'),
    (lambda: digits('train', '16'), 'size'),
    (lambda: digits('train', True), 'size'),
    (lambda: photo_area('grass', 'train'), 'photo'),
    (lambda: photo_area('brick', 'validation'), 'split'),
])
def test_wrong_values_name_key_and_choices(call, key):
    with pytest.raises(ConfigError, match=rf'^{key} = .*known: '):
        call()


def test_missing_wheel_data_says_what_to_reinstall(monkeypatch, tmp_path):
    monkeypatch.setattr(images, 'files', lambda package: tmp_path)
    images._photo.cache_clear()
    with pytest.raises(ConfigError, match='gravel.png.*scikit-image'):
        photo_area('gravel', 'train')
    images._photo.cache_clear()

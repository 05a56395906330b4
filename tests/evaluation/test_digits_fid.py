"""digits-FID orders images as it should, with the published sizes.

The bounds hold the values of two feature networks (seeds 0 and 1) with room
on both sides; what each of them says is known from a study of the metric.
"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from mmgancomp.errors import ConfigError
from mmgancomp.evaluation.digits_fid import digits_fid, digits_reference
from mmgancomp.evaluation.features import digit_tensors


@pytest.fixture(scope='module', params=[0, 1])
def score(request):
    """digits-FID by the feature network of one seed."""
    return lambda images: digits_fid(images, seed=request.param)['fid']


@pytest.fixture(scope='module')
def train():
    return digit_tensors('train', 16)


def noisy(images, sigma):
    noise = torch.randn(
        images.shape, generator=torch.Generator().manual_seed(0))
    return images + sigma * noise


def blurred(images, sigma):
    return torch.from_numpy(
        gaussian_filter(images.numpy(), (0, 0, sigma, sigma)))


def test_training_images_score_zero(score, train):
    assert score(train[0]) < 1e-6


def test_held_out_images_score_the_floor(score):
    fid = score(digit_tensors('test', 16)[0])
    assert 0.1 < fid < 0.3


def test_floor_is_that_of_the_held_out_images():
    images, labels = digit_tensors('test', 16)
    scores = digits_fid(images, labels)
    assert scores['fid'] == scores['floor'] == digits_reference(16).floor
    assert scores['agreement'] >= 0.97


@pytest.mark.parametrize('sigma, low, high', [(.1, .03, .6), (.2, .6, 4),
                                              (.4, 5, 22), (.8, 20, 70)])
def test_noise(score, train, sigma, low, high):
    assert low < score(noisy(train[0], sigma)) < high


@pytest.mark.parametrize('sigma, low, high', [(.5, .3, 2.5), (1, 7, 40),
                                              (2, 60, 250)])
def test_blur(score, train, sigma, low, high):
    assert low < score(blurred(train[0], sigma)) < high


def test_missing_classes(score, train):
    images, labels = train
    assert 2 < score(images[labels != 3]) < 6
    assert 20 < score(images[labels < 5]) < 45


def test_repeats(score, train):
    picked = torch.randperm(1200, generator=torch.Generator().manual_seed(0))
    few = train[0][picked[:50]].repeat(40, 1, 1, 1)
    many = train[0][picked[:200]].repeat(10, 1, 1, 1)
    assert 0.3 < score(many) < 2.5
    assert 2.5 < score(few) < 20
    assert score(few) > 2 * score(many)


def test_ghosts_and_noise_are_destroyed_images(score, train):
    order = torch.randperm(1200, generator=torch.Generator().manual_seed(0))
    ghosts = (train[0] + train[0][order]) / 2
    assert 20 < score(ghosts) < 60
    noise = torch.rand(
        2000, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert score(noise * 2 - 1) > 45


def test_a_constant_mean_feature_scores_100():
    reference = digits_reference(16)
    constant = np.tile(reference.train.mean, (10, 1))
    assert reference.score(constant) == pytest.approx(100)


def test_one_value_per_set_of_images(train):
    first = digits_fid(noisy(train[0], .3))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        assert digits_fid(noisy(train[0], .3)) == first
    finally:
        torch.set_num_threads(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_three_equal_channels_count_as_grey(train):
    images = noisy(train[0], .3)
    assert digits_fid(images.repeat(1, 3, 1, 1))['fid'] == pytest.approx(
        digits_fid(images)['fid'], rel=1e-4)


def test_agreement_counts_labels(train):
    images, labels = digit_tensors('train', 16)
    assert digits_fid(images, labels)['agreement'] == 1
    assert digits_fid(images, (labels + 1) % 10)['agreement'] == 0


@pytest.mark.parametrize('shape', [(4, 2, 16, 16), (4, 1, 28, 28),
                                   (4, 1, 16, 32), (16, 16)])
def test_wrong_shapes(shape):
    with pytest.raises(ConfigError, match='digits-FID'):
        digits_fid(torch.zeros(shape))

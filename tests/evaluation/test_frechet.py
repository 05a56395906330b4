"""Fréchet distances worked out by hand."""

import numpy as np
import pytest

from mmgancomp.evaluation.frechet import Moments, frechet_distance


def moments(mean, cov):
    return Moments(np.array(mean, float), np.array(cov, float))


def test_equal_covariances_leave_the_distance_of_the_means():
    cov = [[2, 1], [1, 3]]
    distance = frechet_distance(moments([0, 0], cov), moments([3, 4], cov))
    assert distance == pytest.approx(25)


def test_diagonal_covariances():
    # sum of (sqrt(a) - sqrt(b))^2 = (2 - 1)^2 + (3 - 5)^2
    one = moments([0, 0], [[4, 0], [0, 9]])
    other = moments([0, 0], [[1, 0], [0, 25]])
    assert frechet_distance(one, other) == pytest.approx(5)


def test_agrees_with_the_matrix_square_root():
    from scipy.linalg import sqrtm
    rng = np.random.default_rng(0)
    one, other = (Moments.of(rng.normal(size=(40, 6)) @ rng.normal(size=(6,
                                                                         6)))
                  for _ in range(2))
    gap = one.mean - other.mean
    expected = gap @ gap + np.trace(one.cov + other.cov -
                                    2 * sqrtm(one.cov @ other.cov).real)
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(other, one) == pytest.approx(expected)


def test_zero_for_itself_and_finite_for_a_collapsed_set():
    spread = Moments.of(np.random.default_rng(0).normal(size=(50, 4)))
    point = Moments.of(np.tile(spread.mean, (50, 1)))
    assert frechet_distance(spread, spread) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(point, spread) == pytest.approx(
        np.trace(spread.cov))


def test_moments_are_those_of_the_definition():
    found = Moments.of(np.array([[0., 0.], [2., 4.]], np.float32))
    assert found.mean.tolist() == [1, 2]
    assert found.cov.tolist() == [[2, 4], [4, 8]]
    with pytest.raises(ValueError, match='N >= 2'):
        Moments.of(np.zeros((1, 3)))

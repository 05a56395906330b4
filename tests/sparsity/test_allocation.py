"""Erdős–Rényi kernel densities against the published ones."""

import pytest

from mmgancomp.sparsity import ERK, Global, Uniform

TOY = [(4, 4, 1, 1), (8, 4, 3, 3), (2, 8, 3, 3)]
# The official SNGAN generator: three blocks of two 3x3 convolutions and a
# 1x1 shortcut, and the output convolution.
GENERATOR = 3 * [(256, 256, 3, 3), (256, 256, 3, 3),
                 (256, 256, 1, 1)] + [(3, 256, 3, 3)]


@pytest.mark.parametrize(('density', 'expected'), [
    (.25, [1.0, .176471, .313725]),
    (.5, [1.0, .382353, .679739]),
])
def test_toy_network(density, expected):
    assert ERK().densities(TOY, density) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(('density', 'large', 'shortcut', 'output'), [
    (.05, .0340358, .3039569, 1.0),
    (.1, .0693771, .619572, 1.0),
    (.2, .153993, 1.0, 1.0),
    (.5, .471246, 1.0, 1.0),
])
def test_official_generator(density, large, shortcut, output):
    found = ERK().densities(GENERATOR, density)
    assert found[0] == pytest.approx(large, abs=1e-6)
    assert found[2] == pytest.approx(shortcut, abs=1e-6)
    assert found[-1] == pytest.approx(output)


@pytest.mark.parametrize('density', [.01, .05, .3, .9, 1.0])
def test_the_total_is_the_density_asked_for(density):
    sizes = [a * b * c * d for a, b, c, d in GENERATOR]
    found = ERK().densities(GENERATOR, density)
    kept = sum(s * n for s, n in zip(found, sizes))
    assert kept == pytest.approx(density * sum(sizes))
    assert all(0 < s <= 1 for s in found)


def test_uniform_and_global():
    assert Uniform().densities(TOY, .3) == [.3, .3, .3]
    assert Global().densities(TOY, .3) is None

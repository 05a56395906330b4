"""Published counts and densities, and masks that keep everything."""

import pytest

from mmgancomp import families
from mmgancomp.sparsity import ERK
from mmgancomp.sparsity.counts import removed_count
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS

# The official SNGAN discriminator: two convolutions per block of four, and
# a 1x1 shortcut in the first two.
WIDE = (128, 128, 3, 3)
DISCRIMINATOR = [(128, 3, 3, 3), WIDE, (128, 3, 1, 1), WIDE, WIDE,
                 (128, 128, 1, 1)] + 4 * [WIDE]


@pytest.mark.parametrize(('density', 'large', 'shortcut'), [
    (.5, .490203, 1.0),
    (.1, .086124, .763278),
])
def test_layer_densities_of_the_official_discriminator(density, large,
                                                       shortcut):
    found = ERK().densities(DISCRIMINATOR, density)
    expected = [1.0, large, 1.0, large, large, shortcut] + 4 * [large]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(('rounds', 'kept'), [(6, 981_064), (10, 401_844)])
def test_one_shot_to_the_density_of_a_round(rounds, kept):
    n = 3_742_464
    assert n - removed_count(n, 0.8**rounds) == kept


@pytest.mark.parametrize('family', [
    pytest.param('sngan_proj', marks=pytest.mark.slow), 'cyclegan',
    pytest.param('pix2pix', marks=pytest.mark.slow)
])
def test_density_one_trains_as_if_nothing_were_there(family, tmp_path):
    everything = dict(type='mmgancomp.SparsityHook', networks=dict.fromkeys(
        ('generator', 'discriminator'), dict(density=1.)))
    ends = []
    for part, hooks in (('stock', {}), ('masks', {'sparsity': everything})):
        built = tiny.config(family, tmp_path / part, iterations=5,
                            default_hooks=hooks, randomness=dict(seed=3))
        runner = runs.train(built)
        ends.append(dict(families.base.bare(runner.model).state_dict()))
    assert runs.differences(*ends) == []


@pytest.mark.parametrize(('weights', 'survivors'), [
    (1_052_416, [841_932, 673_545, 538_835, 431_067, 344_853, 275_882,
                 220_705, 176_563, 141_250, 112_999]),
])
def test_u2_the_threshold_rule_of_the_official_discriminator(weights,
                                                              survivors):
    left = []
    for _ in survivors:
        weights -= removed_count(weights, .8, 'threshold')
        left.append(weights)
    assert left == survivors

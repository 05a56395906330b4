"""CycleGAN and Pix2Pix over two processes, and the other five slowly."""

from __future__ import annotations

import pytest

TRANSLATION = ('cyclegan', 'pix2pix')
WRAPPERS = {
    'stock': 'MMSeparateDistributedDataParallel',
    'ours': 'DomainDistributedDataParallel'
}
OTHERS = ('stylegan2', 'biggan', 'sagan', 'sngan_proj', 'dcgan')


@pytest.mark.slow
def test_without_the_repair_ranks_train_apart(run_ranks):
    seen = run_ranks(
        *(f'train:{family}:stock:1' for family in TRANSLATION),
        off='domain_gradients')
    for family in TRANSLATION:
        different, parameters = seen[f'train:{family}:stock:1']['different']
        assert different == parameters


@pytest.fixture(scope='module')
def mended(run_ranks):
    """Everything that can share one pair of processes."""
    return run_ranks(
        *(f'train:{family}:{wrapper}:{accumulate}' for family in TRANSLATION
          for wrapper in WRAPPERS for accumulate in (1, 2)), 'amp', 'averages')


@pytest.mark.parametrize('accumulate', [1, 2])
@pytest.mark.parametrize('wrapper', WRAPPERS)
@pytest.mark.parametrize('family', TRANSLATION)
def test_ranks_stay_identical(mended, family, wrapper, accumulate):
    seen = mended[f'train:{family}:{wrapper}:{accumulate}']
    assert seen['different'][0] == 0
    assert seen['wrapper'] == WRAPPERS[wrapper]


@pytest.mark.slow
def test_repairs_that_arrive_after_wrapping(run_ranks):
    seen = run_ranks('late:pix2pix')
    different, parameters = seen['late:pix2pix']['different']
    assert (different, parameters > 0) == (0, True)


def test_an_overflow_on_one_rank_is_one_on_all(mended):
    """Rank 1 overflows in the second of three steps: moved, scale, apart."""
    assert mended['amp'] == [[True, 8., 0], [False, 4., 0], [True, 4., 0]]


def test_accumulated_gradients_are_averaged_once_per_update(mended):
    calls, moved = mended['averages']
    assert calls == 2
    # Gradients 0 and 1, averaged over ranks and over two accumulated calls.
    assert moved == pytest.approx(2 * 0.5)


@pytest.mark.slow
@pytest.mark.parametrize('family', TRANSLATION)
def test_both_wrappers_train_alike(run_ranks, family):
    """Nothing is averaged twice or too little, with accumulation neither."""
    for case, seen in run_ranks(f'same:{family}:ours:1',
                                f'same:{family}:ours:2').items():
        apart, moved = seen
        assert moved > 1e-4, case
        assert apart < 1e-3 * moved, case


@pytest.mark.slow
def test_the_other_families(run_ranks):
    cases = [f'train:{family}:stock:1' for family in OTHERS]
    for case, seen in run_ranks(*cases, timeout=300).items():
        assert seen['different'][0] == 0, case

"""What searches found on digits, against random networks of the same size."""

from __future__ import annotations

from typing import Any

from .arms import Arm

__all__ = ['ARMS', 'CHECKS', 'COLUMN', 'METRICS', 'PAIRS', 'SEEDS', 'TITLE',
           'arms', 'rows']

TITLE = 'Searched architectures on digits (alphaGAN)'
SEEDS = (0, 1, 2)
SEARCH = 'configs/alphagan/alphagan-s-search_ggan_1xb32_digits-16x16.py'
TRAIN = 'configs/alphagan/alphagan-s_ggan_1xb32_digits-16x16.py'
RANDOM = 5
# The networks take no labels, so there is nothing to agree with.
METRICS = {'digits-FID': 'digits-fid/fid'}
COLUMN = ('G parameters, seed 0', 'params', ',')


def _genotype(folder: Any) -> str:
    return str(folder('search') / 'genotype.json')


def _random(folder: Any, draw: int) -> dict[str, Any]:
    return {'model.generator.genotype': dict(
        _delete_=True, random=draw, like=_genotype(folder), within=0.05)}


def arms(draws: int) -> list[Arm]:
    """A search, the training of what it finds, and of random networks.

    Args:
        draws: How many of these.
    """
    return [
        Arm('search', SEARCH),
        Arm('found', TRAIN, lambda folder: {
            'model.generator.genotype': _genotype(folder)}, ['search']),
        *(Arm(f'random {draw}', TRAIN,
              lambda folder, draw=draw: _random(folder, draw), ['search'])
          for draw in range(draws)),
    ]


ARMS = arms(RANDOM)


def rows(models: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """Row of the table → seed → model."""
    return {_title(name): {seed: found[-1] for seed, found in runs.items()}
            for name, runs in models.items() if name != 'search'}


def _title(name: str) -> str:
    return ('found by the search' if name == 'found' else
            f'{name}, parameters within 5 %')


PAIRS = [('found by the search', _title(f'random {draw}'))
         for draw in range(RANDOM)]
# What to expect is not known: all is shown, nothing is asserted.
CHECKS: list[Any] = []

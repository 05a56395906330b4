"""What searches found on digits, against random networks of the same size."""

from __future__ import annotations

from typing import Any

from .arms import Arm
from .study import DIGITS, Metric, Study

__all__ = ['METRICS', 'STUDY', 'arms', 'pairs', 'rows']

SEARCH = 'configs/alphagan/alphagan-s-search_ggan_1xb32_digits-16x16.py'
TRAIN = 'configs/alphagan/alphagan-s_ggan_1xb32_digits-16x16.py'
RANDOM = 5
# The networks take no labels, so there is nothing to agree with.
METRICS = {'digits-FID': DIGITS['digits-FID'],
           'G parameters': Metric(['parameters'], ',.0f', paired=False)}


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


def rows(models: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """Row of the table → seed → model, with its size."""
    found = {_title(name): {seed: runs[-1] for seed, runs in by_seed.items()}
             for name, by_seed in models.items() if name != 'search'}
    for by_seed in found.values():
        for model in by_seed.values():
            size = model['networks']['generator']['params']
            model['metrics']['parameters'] = size
    return found


def _title(name: str) -> str:
    return ('found by the search' if name == 'found' else
            f'{name}, parameters within 5 %')


def pairs(draws: int) -> list[tuple[str, str]]:
    """What was found, and each of the random networks."""
    return [('found by the search', _title(f'random {draw}'))
            for draw in range(draws)]


# What to expect is not known: all is shown, nothing is asserted.
STUDY = Study(
    'Searched architectures on digits (alphaGAN)', arms(RANDOM), checks=[],
    metrics=METRICS, note='digits-FID of the EMA generator, lower is better; '
    'the last column is a mean over the seeds, as each search finds another '
    'network.', rows=rows, pairs=pairs(RANDOM))

"""Tiny searches on digits, and what two processes make of one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mmengine import Config

from mmgancomp.cli.common import load_config

__all__ = ['RETRAIN', 'SEARCH', 'tiny']

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'alphagan'
SEARCH = FOLDER / 'alphagan-s-search_ggan_1xb32_digits-16x16.py'
RETRAIN = FOLDER / 'alphagan-s_ggan_1xb32_digits-16x16.py'

_RUNS = iter(range(1000))


def tiny(work_dir: str | Path, *options: str, path: Path = SEARCH,
         validates: bool = False, **loop: Any) -> Config:
    """A search of narrow networks: 2 epochs of 3 + 2 + 2 + 2 steps.

    Args:
        work_dir: Where the run goes.
        *options: As ``--cfg-options`` has them.
        path: The config.
        validates: Whether it validates.
        **loop: Options of the loop.
    """
    config = load_config(str(path), list(options))
    sizes = dict(base_channels=4)
    model = dict(noise_size=6, discriminator=sizes)
    if path == SEARCH:
        model['generator'] = dict(sizes, num_cells=2, bottom_width=4)
        config.train_cfg.architecture_dataloader.batch_size = 4
        config.train_cfg.update(dict(
            epochs=2, inner_steps=3, worst_steps=2, outer_steps=2,
            val_interval=1) | loop)
    config.merge_from_dict({
        'model': model,
        'train_dataloader.batch_size': 4,
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
        'default_hooks.logger.interval': 1})
    config.work_dir = str(work_dir)
    config.experiment_name = f'tiny_search_{id(config)}_{next(_RUNS)}'
    if not validates:
        for part in ('val', 'test'):
            for key in ('dataloader', 'cfg', 'evaluator'):
                config[f'{part}_{key}'] = None
    return config


def _work(folder: Path) -> None:
    """One of two processes: search, and compare with the other one."""
    import torch

    import mmgancomp.registry  # noqa: F401
    from mmgancomp.search import architecture
    from tests.support import ranks, runs
    torch.set_num_threads(1)
    ranks._join(folder)
    from mmengine.dist import all_gather_object, get_rank
    config = tiny(folder / 'run')
    # Each process its own images and noise.
    config.randomness = dict(seed=0, diff_rank_seed=True)
    config.launcher = 'pytorch'
    runner = runs.train(config)
    loop, model = runner.train_loop, runner.model.module
    generator = loop._networks['generator']
    mine = {
        'alpha': [a.tolist() for a in architecture(generator)],
        'worst': [float(p.double().sum())
                  for worst in loop._worst.values()
                  for p in worst.copy.parameters()],
        'weights': [float(p.double().sum()) for p in model.parameters()],
        'genotype': loop._history.epochs[-1]['genotype'],
        'noise': torch.rand(1).tolist()
    }
    both = all_gather_object(mine)
    if get_rank() == 0:
        (folder / 'faults.json').write_text(json.dumps(both))


if __name__ == '__main__':
    _work(Path(sys.argv[1]))

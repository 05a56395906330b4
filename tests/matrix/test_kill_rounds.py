"""A lottery ticket run that is killed at any moment ends the same."""

import json
import random
from pathlib import Path

import pytest

from tests.support import kill, runs, tiny

pytestmark = pytest.mark.slow

LENGTH, ROUNDS, EVERY = 6, 3, 2
LATE = 2
TOTAL = LENGTH + ROUNDS * (LENGTH - LATE)
LAST = f'round_{ROUNDS:02d}/iter_{TOTAL}.pth'


def config(folder):
    sparsity = dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(schedule='IMP'),
            discriminator=dict(schedule='IMP')))
    built = tiny.config(
        'sngan_proj',
        folder,
        checkpoint=EVERY,
        train_cfg=dict(
            _delete_=True,
            type='mmgancomp.LotteryTicketLoop',
            max_iters=LENGTH,
            rounds=ROUNDS,
            rewind=f'late_{LATE}'),
        default_hooks=dict(
            sparsity=sparsity, checkpoint=dict(max_keep_ckpts=1)))
    return Path(built.filename)


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return config(tmp_path_factory.mktemp('config'))


@pytest.fixture(scope='module')
def whole(path, tmp_path_factory):
    """A run that nobody disturbs."""
    folder = tmp_path_factory.mktemp('whole') / 'run'
    kill.run(kill.OURS, path, folder)
    return folder


@pytest.mark.parametrize('draw', range(10))
def test_it_ends_as_the_uninterrupted_one(draw, path, whole, tmp_path):
    folder, broken = whole, tmp_path / 'broken'
    # After a checkpoint, and then at any point up to about the next one.
    chance = random.Random(draw)
    kill.kill_after(
        kill.OURS, path, broken, chance.randrange(0, TOTAL - EVERY, EVERY),
        delay=chance.uniform(0, .3))
    assert not (broken / LAST).exists()
    kill.run(kill.OURS, path, broken, '--resume')
    ends = [runs.training_state(runs.load(run / LAST))
            for run in (folder, broken)]
    assert runs.differences(*ends) == []
    tables = [[{k: m[k] for k in ('round', 'checkpoint', 'ticket', 'networks')
                if k in m}
               for m in json.loads((run / 'compression.json').read_text())
               ['models']] for run in (folder, broken)]
    assert tables[0] == tables[1]
    assert [m['round'] for m in tables[0]] == list(range(ROUNDS + 1))
    for number in range(1, ROUNDS + 1):
        name = f'round_{number:02d}/ticket.safetensors'
        assert (folder / name).read_bytes() == (broken / name).read_bytes()

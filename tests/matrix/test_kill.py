"""A killed run goes on as if nothing had been, in every family.

Under our train script and under MMagic's own; and plain MMagic, without
this package, opens what was written.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import kill, runs, tiny

ITERATIONS, POINT = 10, 5
SCRIPTS = {'ours': kill.OURS, 'mmagic': kill.MMAGIC}


def config(family, folder):
    sparsity = dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(
                density=.2, schedule=dict(type='AGP', interval=1, end='end')),
            discriminator=dict(density=.5)))
    built = tiny.config(
        family,
        folder,
        iterations=ITERATIONS,
        checkpoint=POINT,
        default_hooks=dict(sparsity=sparsity))
    return Path(built.filename)


@pytest.mark.slow
@pytest.mark.parametrize('script', SCRIPTS)
@pytest.mark.parametrize('family', tiny.FAMILIES)
def test_killed_and_resumed_is_bit_equal(family, script, tmp_path):
    path = config(family, tmp_path / 'config')
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    kill.run(SCRIPTS[script], path, whole)
    kill.kill_after(SCRIPTS[script], path, broken, POINT)
    assert not (broken / f'iter_{ITERATIONS}.pth').exists()
    kill.run(SCRIPTS[script], path, broken, '--resume')
    first, second = (
        runs.training_state(runs.load(d / f'iter_{ITERATIONS}.pth'))
        for d in (whole, broken))
    assert runs.differences(first, second) == []
    assert first['sparsity']
    loaded = subprocess.run(
        [
            sys.executable,
            Path(__file__).parents[1] / 'support' / 'plain_mmagic.py',
            str(path),
            str(whole / f'iter_{ITERATIONS}.pth')
        ],
        capture_output=True,
        text=True)
    assert loaded.returncode == 0, loaded.stderr[-3000:]
    assert 'of the weights are zero' in loaded.stdout


def test_the_comparison_sees_one_bit(tmp_path):
    path = config('dcgan', tmp_path / 'config')
    from mmengine.config import Config
    loaded = Config.fromfile(path)
    loaded.work_dir = str(tmp_path / 'run')
    runs.train(loaded)
    state = runs.training_state(
        runs.load(tmp_path / 'run' / f'iter_{ITERATIONS}.pth'))
    other = runs.training_state(
        runs.load(tmp_path / 'run' / f'iter_{ITERATIONS}.pth'))
    weight = next(iter(other['state_dict'].values()))
    weight.view(-1)[0] = weight.view(-1)[0].nextafter(weight.new_tensor(9.))
    found = runs.differences(state, other)
    assert len(found) == 1
    assert found[0].startswith('.state_dict')

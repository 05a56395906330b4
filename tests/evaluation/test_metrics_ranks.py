"""Two processes measure what one does."""

import json
import os
import socket
import subprocess
import sys

import pytest

CONFIG = """
_base_ = '{root}/configs/demo/sngan-proj_digits-16x16.py'
model = dict(
    generator=dict(base_channels=8),
    discriminator=dict(base_channels=8))
val_evaluator = test_evaluator = dict(
    metrics=[dict(type='mmgancomp.DigitsFID', fake_nums=110)])
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
log_level = 'ERROR'
"""

SCRIPT = """
import json, sys, warnings
warnings.simplefilter('ignore')
from mmengine.config import Config
from mmengine.runner import Runner
import mmgancomp.registry  # its repairs make MMEngine distribute on CPUs
file, work_dir, launcher, out = sys.argv[1:]
config = Config.fromfile(file)
config.work_dir, config.launcher = work_dir, launcher
config.load_from = work_dir + '/../one/iter_2.pth'
if launcher == 'none':
    config.load_from = None
    Runner.from_cfg(config).train()
    config.load_from = work_dir + '/iter_2.pth'
    config.experiment_name = 'again'
runner = Runner.from_cfg(config)
call_hook, found = runner.call_hook, {}
def listen(name, **kwargs):
    found.update(kwargs.get('metrics', {}))
    call_hook(name, **kwargs)
runner.call_hook = listen
runner.test()
with open(f'{out}.{runner.rank}', 'w') as file:
    json.dump(found, file)
"""


def start(tmp_path, name, launcher, rank=0, world=1, port=0):
    environment = dict(
        os.environ,
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        OMP_NUM_THREADS='1')
    return subprocess.Popen(
        [
            sys.executable, '-c', SCRIPT,
            str(tmp_path / 'config.py'),
            str(tmp_path / name), launcher,
            str(tmp_path / f'{name}.json')
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True)


@pytest.mark.slow
def test_two_processes_measure_what_one_does(root, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(root))
    (tmp_path / 'config.py').write_text(CONFIG.format(root=root))
    alone = start(tmp_path, 'one', 'none')
    log, _ = alone.communicate(timeout=300)
    assert alone.returncode == 0, log

    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    pair = [
        start(tmp_path, 'two', 'pytorch', rank, 2, port) for rank in range(2)
    ]
    for process in pair:
        log, _ = process.communicate(timeout=300)
        assert process.returncode == 0, log

    one, first, second = (
        json.loads((tmp_path / name).read_text())
        for name in ('one.json.0', 'two.json.0', 'two.json.1'))
    assert first == second
    assert set(one) == set(first) == {
        'digits-fid/fid', 'digits-fid/floor', 'digits-fid/agreement'
    }
    assert first['digits-fid/fid'] == pytest.approx(
        one['digits-fid/fid'], rel=1e-4)
    assert first['digits-fid/agreement'] == one['digits-fid/agreement']

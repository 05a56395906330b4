"""A wrong config ends in one clear sentence before training starts."""

from __future__ import annotations

import gc
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine import Config
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from mmgancomp.cli import main
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.packed import save_packed
from tests.support import tiny
from tests.support.wrong import CASES, Wrong, masks, stages

pytestmark = tiny.STOCK_WARNINGS


_NUMBERS = itertools.count()


class Began(AssertionError):
    """An iteration was about to run."""


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Iterator[Path]:
    """A right config, and the files that wrong ones name."""
    folder = tmp_path_factory.mktemp('faults')
    # Flattened: MMEngine takes long to find a stock config to inherit.
    right = tiny.config('sngan_proj', folder, iterations=10)
    right.dump(folder / 'right.py')
    (folder / 'damaged.pth').write_bytes(b'PK\3\4 and then the disk was full')
    other = nn.Sequential(nn.Conv2d(3, 4, 3))
    torch.save(dict(state_dict=other.state_dict()), folder / 'strange.pth')
    _ticket(folder / 'other-ticket', other)
    network = tiny.model('sngan_proj').generator
    from mmgancomp.families.layers import (
        convolution_weights,
        linear_weights,
    )
    _ticket(folder / 'ticket', network)
    _ticket(folder / 'wide-ticket', network,
            convolution_weights(network) + linear_weights(network))
    # Every data set that is built collects garbage: look only at what is
    # made from here on.
    gc.collect()
    gc.freeze()
    yield folder
    gc.unfreeze()


def _ticket(path: Path, network: nn.Module, layers=None) -> None:
    masked = MaskedNetwork(network, layers)
    masked.prune(density=.5)
    save_packed(path, network.state_dict(), masked.masks)


@pytest.fixture
def no_iteration(monkeypatch):
    """Fail as soon as a training iteration would run."""

    def run_iter(self, data_batch):
        raise Began

    from mmgancomp.sparsity.lottery import LotteryTicketLoop
    for loop in (IterBasedTrainLoop, LotteryTicketLoop):
        monkeypatch.setattr(loop, 'run_iter', run_iter)
    # Most of the time that building a Runner takes goes into laying out
    # the config for the log.
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))


def _write(folder: Path, entries: dict, name: str = 'wrong.py') -> str:
    """A config file that inherits the right one."""
    path = folder / name
    path.write_text('\n'.join([
        "nan = float('nan')", "_base_ = ['right.py']",
        # By default the time in seconds, which several of these share.
        f"experiment_name = 'fault-{next(_NUMBERS)}'",
        *(f'{key} = {_filled(value, folder)!r}'
          for key, value in entries.items())
    ]) + '\n')
    return str(path)


def _filled(value, folder: Path):
    if isinstance(value, str):
        return value.replace('{folder}', str(folder))
    if isinstance(value, dict):
        return {k: _filled(v, folder) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, folder) for v in value]
    return value


def _train(*words: str) -> int:
    """The command, but for the sentence that it would make of an error."""
    parser = main.argparse.ArgumentParser()
    return main._fill(parser, 'train')(parser.parse_args(words))


def _message(call, *args) -> str:
    with pytest.raises(ConfigError) as caught:
        call(*args)
    return str(caught.value)


@pytest.mark.parametrize('case', CASES, ids=str)
def test_plan_and_train_say_what_to_write(case: Wrong, folder, tmp_path,
                                          no_iteration):
    path = _write(folder, case.entries)
    said = _message(lambda: plan(load_config(path)))
    shown = repr(_filled(case.value, folder))
    assert said.startswith(f'{case.key} = {shown}: ')
    assert case.remedy in said.removeprefix(f'{case.key} = {shown}: ')
    assert '\n' not in said
    assert _message(_train, path, '--work-dir', str(tmp_path)) == said
    assert not list(tmp_path.glob('*.pth'))


def test_the_cases_are_different():
    assert len({case.name for case in CASES}) == len(CASES) >= 34
    # The same key with the same kind of value is the same mistake.
    assert len({(c.key, repr(c.value), c.remedy)
                for c in CASES}) == len(CASES)


@pytest.mark.parametrize('entries', [
    masks(dict(generator=dict(density=.5), discriminator=dict(density=.5))),
    masks(dict(generator=dict(schedule=dict(type='Fixed',
                                            ticket='{folder}/ticket')))),
    stages(dict(until=2), dict(reset_optimizers=True)),
], ids=['masks', 'ticket', 'stages'])
def test_a_right_config_does_train(entries, folder, tmp_path, no_iteration):
    path = _write(folder, entries)
    assert plan(load_config(path))['mechanisms']
    with pytest.raises(Began):
        _train(path, '--work-dir', str(tmp_path))


@pytest.mark.parametrize(
    'case', [c for c in CASES if c.bare][::6] +
    [c for c in CASES if c.key.startswith(('custom', 'optim'))],
    ids=str)
def test_a_runner_of_any_script_says_the_same(case: Wrong, folder, tmp_path,
                                              no_iteration):
    config = Config.fromfile(_write(folder, case.entries))
    config.work_dir = str(tmp_path)
    runner = Runner.from_cfg(config)
    said = _message(runner.train)
    assert said == _message(
        lambda: plan(load_config(_write(folder, case.entries))))
    # A loop that refused to be built has no iteration to ask for.
    assert isinstance(runner._train_loop, dict) or runner.iter == 0


def test_a_model_that_no_family_knows(folder, tmp_path, no_iteration):
    (folder / 'strange_gan.py').write_text(
        'from mmagic.registry import MODELS\n'
        'from mmengine.model import BaseModel\n'
        'from torch import nn\n\n\n'
        '@MODELS.register_module(force=True)\n'
        'class StrangeGAN(BaseModel):\n\n'
        '    def __init__(self, **others):\n'
        '        super().__init__()\n'
        '        self.generator = nn.Conv2d(3, 3, 3)\n'
        '        self.discriminator = nn.Conv2d(3, 1, 3)\n\n'
        '    def forward(self, *args, **kwargs):\n'
        '        return {}\n')
    sys.path.append(str(folder))
    try:
        path = _write(
            folder,
            dict(custom_imports=dict(imports=['strange_gan']),
                 model=dict(_delete_=True, type='StrangeGAN'),
                 **masks(dict(generator=dict(density=.5)))))
        said = _message(lambda: plan(load_config(path)))
        assert said.startswith('model = strange_gan.StrangeGAN: ')
        assert 'Write a subclass of mmgancomp.families.Family' in said
        assert '\n' not in said
        assert _message(_train, path, '--work-dir', str(tmp_path)) == said
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop('strange_gan', None)


# -- resuming: what only a checkpoint can tell, so only `train` can say it --


@pytest.fixture(scope='module')
def checkpoint(folder) -> Path:
    """A checkpoint of a run with masks, after 2 of 10 iterations."""
    work = folder / 'run'
    path = _write(folder, masks(dict(generator=dict(density=.5))), 'masked.py')
    config = Config.fromfile(path)
    config.work_dir = str(work)
    config.train_cfg.max_iters = 2
    config.default_hooks.checkpoint.interval = 2
    Runner.from_cfg(config).train()
    return work / 'iter_2.pth'


def _resume(checkpoint: Path, folder: Path, tmp_path: Path, change=None,
            density: float = .5) -> str:
    """What is said when a changed copy of a checkpoint is resumed."""
    content = torch.load(checkpoint, weights_only=True)
    if change is not None:
        change(content)
    torch.save(content, tmp_path / 'iter_2.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_2.pth'))
    path = _write(folder, masks(dict(generator=dict(density=density))))
    return _message(_train, path, '--work-dir', str(tmp_path), '--resume')


def test_resuming_with_another_density(checkpoint, folder, tmp_path,
                                       no_iteration):
    said = _resume(checkpoint, folder, tmp_path, density=.25)
    assert said.startswith(
        'default_hooks.sparsity.networks.generator.density = 0.25: ')
    assert '0.5; put that back, or use load_from' in said


def test_resuming_with_another_number_of_processes(checkpoint, folder,
                                                   tmp_path, no_iteration):
    said = _resume(checkpoint, folder, tmp_path,
                   lambda content: content['mmgancomp'].update(world_size=2))
    assert said.startswith('resume = True: ')
    assert 'with 2 processes, this one has 1; start as many' in said


def test_resuming_a_checkpoint_of_another_schema(checkpoint, folder,
                                                 tmp_path, no_iteration):
    said = _resume(checkpoint, folder, tmp_path,
                   lambda content: content['mmgancomp'].update(schema=99))
    assert said.startswith('checkpoint mmgancomp.schema = 99: ')
    assert 'use the release that wrote the checkpoint, or' in said


def test_resuming_a_run_without_masks(checkpoint, folder, tmp_path,
                                      no_iteration):
    said = _resume(checkpoint, folder, tmp_path,
                   lambda content: content.pop('mmgancomp'))
    assert said.startswith('resume = True: ')
    assert 'use load_from to start a new run from its weights' in said


def test_its_weights_can_always_be_started_from(checkpoint, folder, tmp_path,
                                                no_iteration):
    def spoil(content):
        content['mmgancomp'].update(schema=99, world_size=2)

    content = torch.load(checkpoint, weights_only=True)
    spoil(content)
    torch.save(content, tmp_path / 'other.pth')
    path = _write(
        folder,
        dict(load_from=str(tmp_path / 'other.pth'),
             **masks(dict(generator=dict(density=.25)))))
    assert plan(load_config(path))['mechanisms'][0]['density'] == .25
    with pytest.raises(Began):
        _train(path, '--work-dir', str(tmp_path / 'run'))


def test_fixed_keeps_the_zeros_of_a_loaded_checkpoint(checkpoint, folder,
                                                      tmp_path,
                                                      no_iteration):
    path = _write(
        folder,
        dict(load_from=str(checkpoint),
             **masks(dict(generator=dict(schedule='Fixed')))))
    row = plan(load_config(path))['mechanisms'][0]
    assert row['kept'] == row['maskable'] // 2
    with pytest.raises(Began):
        _train(path, '--work-dir', str(tmp_path))


# -- the real commands ------------------------------------------------------


COMMANDS = {
    'plan': 'density in percent',
    'train': 'one shot after the run',
    'mmagic': 'ramp beyond the run',
}
"""Command, MMagic's own training script among them -> what is wrong."""


@pytest.fixture(scope='module')
def running(folder) -> dict[str, tuple[Wrong, subprocess.Popen]]:
    """All commands, started together: each takes seconds to import."""
    import mmagic
    script = Path(mmagic.__file__).parent / '.mim' / 'tools' / 'train.py'
    root = Path(__file__).resolve().parents[2]
    started = {}
    for command, name in COMMANDS.items():
        case = next(c for c in CASES if c.name == name)
        words = [_write(folder, case.entries, f'{command}.py')]
        if command != 'plan':
            words += ['--work-dir', str(folder / f'{command}-run')]
        started[command] = case, subprocess.Popen(
            [sys.executable, str(script), *words] if command == 'mmagic' else
            [sys.executable, '-m', 'mmgancomp.cli.main', command, *words],
            env={**os.environ, 'PYTHONPATH': str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True)
    return started


@pytest.mark.parametrize('command', COMMANDS)
def test_the_command_ends_in_one_sentence(command, running, folder):
    case, process = running[command]
    out, err = process.communicate(timeout=300)
    last = err.strip().splitlines()[-1]
    if command == 'mmagic':
        start = 'mmgancomp.errors.ConfigError: '
        assert process.returncode == 1
    else:
        start = 'error: '
        assert process.returncode == 2
        assert 'Traceback' not in err + out
        assert err.count('error: ') == 1
    assert last.startswith(f'{start}{case.key} = {case.value!r}: ')
    assert case.remedy in last
    assert not list((folder / f'{command}-run').glob('*.pth'))


def test_plan_as_json_leaves_stdout_empty_on_an_error(folder, capsys):
    path = _write(folder, CASES[0].entries)
    assert main.main(['plan', path, '--json']) == 2
    out, err = capsys.readouterr()
    assert out == '' and err.startswith('error: ')
    right = _write(folder, masks(dict(generator=dict(density=.5))))
    assert main.main(['plan', right, '--json']) == 0
    assert json.loads(capsys.readouterr().out)['iterations'] == 10

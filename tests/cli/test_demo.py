from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread
from rich.console import Console
from rich.prompt import Prompt

from mmgancomp.cli import demo as command
from mmgancomp.cli.main import main
from mmgancomp.demo import grid
from mmgancomp.demo import rows as demo_rows
from mmgancomp.demo.checks import FID, checks
from mmgancomp.demo.course import Demo
from mmgancomp.demo.screen import Screen
from mmgancomp.demo.tables import print_results
from mmgancomp.runtime.record import read_record
from mmgancomp.sparsity.packed import unpack_mask
from tests.support import runs, tiny, tiny_demo

pytestmark = [
    *tiny.STOCK_WARNINGS,
    # Two runs of one process that start within a second share a name.
    pytest.mark.filterwarnings('ignore:.*has been created, the method'),
]

ROWS = ('dense', 'oneshot-90', 'oneshot-finetuned-90', 'agp-90',
        'agp-output-l1-90', 'self-supervised-90', 'half-channels',
        'half-channels-output-l1', 'half-width-distilled')
TRAINED = tuple(
    row for row in ROWS if row not in ('oneshot-90', 'half-channels'))
GRADUAL = ROWS[3:6]
HALVED = ROWS[6:]
CUT = HALVED[:2]
TAUGHT = (*ROWS[4:6], *HALVED[1:])


ROOT = Path(__file__).parents[2]


def python(*words, cwd):
    """Run Python in a process of its own, as a user would."""
    return subprocess.run(
        [sys.executable, '-W', 'ignore', *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={
            **os.environ, 'PYTHONPATH': str(ROOT)
        })


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A finished tiny demo: its folder, exit code and what it printed.

    The tests that change something start from a copy.
    """
    place = tmp_path_factory.mktemp('finished')
    done = python(
        '-c',
        'import sys; from tests.support import tiny_demo; '
        'sys.exit(tiny_demo.run("--out", "demo"))',
        cwd=place)
    assert done.returncode in (0, 1), done.stderr
    return place / 'demo', done


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished demo that a test may spoil."""
    folder = tmp_path / 'demo'
    shutil.copytree(finished[0], folder)
    return folder


def times(folder):
    """When each checkpoint of a row, and each result, was written."""
    files = [*folder.glob('*/*.pth'), *folder.glob('*.*')]
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in files if path.suffix in ('.pth', '.json', '.html', '.png')
    }


def state_of(folder, row):
    return runs.load(next((folder / row).glob('*.pth')))['state_dict']


def test_record_has_every_row_and_exact_counts(finished):
    record = read_record(finished[0])
    assert [model['name'] for model in record['models']] == list(ROWS)
    assert record['run']['updates'] == {
        'generator': tiny_demo.ITERATIONS * len(TRAINED)
    }
    # 128×32 (noise2feat) + 4 × 8×8×3×3 + 2 × 8×8 + 1×8×3×3. One ranking of
    # all keeps a tenth; AGP keeps a tenth of each layer, rounded up.
    kept = dict.fromkeys(ROWS, 660) | {
        'dense': 6600,
        **dict.fromkeys(GRADUAL, 410 + 4 * 58 + 2 * 7 + 8),
        # 64×32 + 4 × 4×4×3×3 + 2 × 4×4 + 1×4×3×3
        **dict.fromkeys(HALVED, 2692),
    }
    for model in record['models']:
        network, left = model['networks']['generator'], kept[model['name']]
        all_ = 2692 if model['name'] in HALVED else 6600
        assert (network['maskable'], network['kept']) == (all_, left)
        assert network['nonzero'] == network['params'] - all_ + left
        assert FID in model['metrics']
        assert ('digits-fid/floor' in model['metrics']) == (
            model['name'] == 'dense')
        assert model['latency_ms']['median'] > 0
        assert (finished[0] / model['checkpoint']).is_file()
    dense, pruned, halved = (record['models'][0], record['models'][1:6],
                             record['models'][6:])
    assert all(model['bytes'] == dense['bytes'] for model in pruned)
    assert all(model['bytes_packed'] < dense['bytes'] for model in pruned)
    assert halved[0]['bytes'] < dense['bytes']
    assert len({model['bytes'] for model in halved}) == 1
    macs = [model['networks']['generator']['macs']['executed']
            for model in record['models']]
    assert macs[:6] == [macs[0]] * 6
    assert macs[6:] == [macs[6]] * 3 and macs[6] < macs[0] / 3
    counted = [check for check in record['checks']
               if check['wanted'].startswith('= ')]
    assert len(counted) == 7 and all(check['met'] for check in counted)


def test_one_shot_is_the_dense_model_and_zeros(finished):
    folder = finished[0]
    dense, once = (state_of(folder, row) for row in ROWS[:2])
    masks = runs.load(folder / 'oneshot-90' / 'oneshot-90.pth')[
        'mmgancomp']['sparsity']['generator']['masks']
    assert 'noise2feat.weight' in masks
    for copy_ in ('generator', 'generator_ema.module'):
        for name, packed in masks.items():
            mask = unpack_mask(packed['bits'], packed['shape'])
            key = f'{copy_}.{name}'
            wanted = torch.where(mask, dense[key], torch.zeros(()))
            assert torch.equal(once[key], wanted)
    covered = {f'{copy_}.{name}' for name in masks
               for copy_ in ('generator', 'generator_ema.module')}
    assert all(torch.equal(once[key], dense[key])
               for key in dense if key not in covered)


def test_half_channels_is_what_the_prune_command_cuts(finished, tmp_path,
                                                      monkeypatch, capsys):
    folder = finished[0]
    config = command_demo(folder).config('sngan-proj_digits-16x16.py')
    (tmp_path / 'dense.py').write_text(config.pretty_text)
    checkpoint, = (folder / 'dense').glob('*.pth')
    assert main([
        'prune', str(tmp_path / 'dense.py'), str(checkpoint), '--target',
        'width=0.5', '--out', str(tmp_path)
    ]) == 0
    cut = folder / 'half-channels'
    plan = json.loads((cut / 'plan.json').read_text())
    assert plan == json.loads((tmp_path / 'plan.json').read_text())
    groups = plan['networks']['generator']
    assert {len(kept) for kept in groups.values()} == {4}
    slim = state_of(folder, 'half-channels')
    assert runs.differences(
        slim, runs.load(tmp_path / 'slim.pth')['state_dict']) == []
    # Both copies, with the dense model's numbers; its judge is whole.
    dense = state_of(folder, 'dense')
    first = 'to_rgb.conv.weight'
    for copy_ in ('generator', 'generator_ema.module'):
        whole, left = (state[f'{copy_}.{first}'] for state in (dense, slim))
        assert left.numel() == whole.numel() // 2
        assert set(left.ravel().tolist()) <= set(whole.ravel().tolist())
    judge = [key for key in dense if key.startswith('discriminator.')]
    assert all(torch.equal(slim[key], dense[key]) for key in judge)


def test_what_trains_on_begins_with_the_cut_model(finished, monkeypatch):
    """The plan is that of the weights, whatever the demo's folder is."""
    folder, begun = finished[0], []

    def stop(config, place, tick):
        begun.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr('mmgancomp.demo.running.train', stop)
    demo = command_demo(folder)
    done = {name: entry.results for name, entry in demo.status().items()}
    row, = (row for row in demo_rows.ROWS if row.name == CUT[1])
    with pytest.raises(KeyboardInterrupt):
        demo._make(row, folder / row.name, done, Screen(Console()))
    cut = folder / 'half-channels'
    assert begun[0].load_from == str(cut / 'slim.pth')
    assert begun[0].model.generator.plan == json.loads(
        (cut / 'plan.json').read_text())
    end = runs.load(next((folder / CUT[1]).glob('*.pth')))
    assert end['mmgancomp']['channels']['plan'] == begun[
        0].model.generator.plan


def test_fine_tuning_begins_with_the_masks_of_one_shot(finished):
    packed = [
        runs.load(next((finished[0] / row).glob('*.pth')))['mmgancomp']
        ['sparsity']['generator']['masks'] for row in ROWS[1:3]
    ]
    assert runs.differences(*packed) == []


@pytest.mark.parametrize('row', TAUGHT)
def test_the_dense_model_teaches(finished, row):
    log, = (finished[0] / row).glob('*/vis_data/scalars.json')
    assert '"distill/' in log.read_text()
    if row in GRADUAL:
        plain, taught = (
            runs.load(next((finished[0] / name).glob('*.pth')))['state_dict']
            for name in (GRADUAL[0], row))
        assert runs.differences(plain, taught)


def test_screen_says_steps_results_and_that_zeros_give_no_speed(finished):
    folder, done = finished
    shown = done.stdout
    assert re.findall('Step ([0-9]+) of 11', shown) == [
        str(position) for position in range(1, 12)
    ]
    assert f'iteration {tiny_demo.ITERATIONS} of' in shown
    assert 'What zeros do not give: speed.' in shown
    for row in ROWS:
        assert re.search(rf'^ *{row} +[0-9]', shown, re.MULTILINE)
    for file in ('compression.json', 'grid.png', 'report.html'):
        assert f'demo/{file}' in shown and (folder / file).is_file()
    # Six iterations train nothing: the checks say so, and so does the code.
    assert done.returncode == 1
    assert re.search('^MISSED dense: digits-FID', shown, re.MULTILINE)
    # What libraries log is in the file, not on the terminal.
    assert 'mmengine' not in shown + done.stderr
    assert 'Load checkpoint from' in (folder / 'demo.log').read_text()


@pytest.mark.parametrize('width,tables', [(79, 2), (120, 1)])
def test_results_fit_the_terminal(finished, width, tables):
    record = read_record(finished[0])
    for check in record['checks']:
        check['met'] = True
    shown = io.StringIO()
    console = Console(file=shown, width=width, force_terminal=True,
                      color_system=None)
    assert print_results(console, record, Path('demo'), {})
    lines = [line.strip() for line in shown.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    named = [line for line in lines if line.startswith(f'{ROWS[2]} ')]
    assert len(named) == tables  # and the name is not broken
    assert sum('real, held out' in line for line in lines) == 1


def test_grid_has_a_row_for_the_real_images_and_each_model(finished):
    picture = imread(finished[0] / 'grid.png')
    dark = (picture[..., :3].max(-1) < .9).any(1)
    # Text and images of a row lie on the same lines; rows do not touch. The
    # first run of lines are the digits above the columns.
    starts = (~dark[:-1] & dark[1:]).sum()
    assert starts == 1 + 1 + len(ROWS)
    assert grid.real(16).shape == (20, 16, 16)


def test_models_draw_the_metrics_noise_and_asked_labels(finished):
    demo = command_demo(finished[0])
    made = grid.generated(
        demo.config('sngan-proj_digits-16x16.py'),
        next((finished[0] / 'dense').glob('*.pth')))
    assert made.shape == (20, 16, 16)
    again = grid.generated(
        demo.config('sngan-proj_digits-16x16.py'),
        next((finished[0] / 'dense').glob('*.pth')))
    assert (made == again).all()


def command_demo(folder, **more):
    return Demo(folder, overrides=tiny_demo.OVERRIDES, **more)


def test_second_run_shows_the_same_and_does_nothing_again(
        copy, capsys):
    before = times(copy)
    assert tiny_demo.run('--out', str(copy)) == 1
    shown = capsys.readouterr().out
    assert times(copy) == before
    assert shown.count(': finished') == len(ROWS)
    assert shown.count('there already:') == len(ROWS) + 2
    assert 'iteration' not in shown
    assert 'digits-FID' in shown and 'met' in shown


@pytest.mark.slow
def test_what_changed_is_said_and_made_again(copy, capsys):
    (copy / 'agp-90' / 'iter_6.pth').write_bytes(b'half')
    before = times(copy)
    demo = command_demo(copy)
    assert {n: e.state for n, e in demo.status().items()} == {
        **dict.fromkeys(ROWS, 'finished'), 'agp-90': 'absent'
    }
    assert tiny_demo.run('--out', str(copy)) == 1
    shown = capsys.readouterr().out
    assert 'agp-90/iter_6.pth has been changed' in shown
    after = times(copy)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        'agp-90/iter_6.pth', 'compression.json', 'grid.png', 'report.html'
    }


@pytest.mark.parametrize('more,why', [
    (dict(seed=1), 'made with seed 0, now it is 1'),
    (dict(overrides={
        **tiny_demo.OVERRIDES, 'dense': {
            'optimizer.lr': 2.
        }
    }), 'made with another sngan-proj_digits-16x16.py'),
])
def test_other_settings_are_noticed(copy, more, why):
    demo = Demo(copy, **{'overrides': tiny_demo.OVERRIDES, **more})
    states = demo.status()
    assert {entry.state for entry in states.values()} == {'absent'}
    assert states['dense'].why == why
    assert states['agp-90'].why == 'made with another dense model'


def test_other_versions_are_noticed(copy):
    path = copy / 'dense' / 'step.json'
    entry = json.loads(path.read_text())
    entry['made_from']['versions']['torch'] = '1.0'
    path.write_text(json.dumps(entry))
    why = command_demo(copy).status()['dense'].why
    assert why.startswith('made with torch 1.0, now it is ')


class UntilStep(Screen):
    """Interrupts the demo before a step, as Ctrl-C would."""

    def __init__(self, last):
        super().__init__(Console(file=sys.stdout, width=120))
        self.last = last

    def step(self, position, *args):
        if position > self.last:
            raise KeyboardInterrupt
        super().step(position, *args)


@pytest.mark.parametrize('step,row', [
    pytest.param(2, 'dense', marks=pytest.mark.slow),
    pytest.param(4, 'oneshot-finetuned-90', marks=pytest.mark.slow),
    # Begins with weights and a plan of another row.
    (9, 'half-channels-output-l1'),
    pytest.param(10, 'half-width-distilled', marks=pytest.mark.slow)
])
def test_killed_demo_goes_on_and_ends_the_same(finished, tmp_path, step, row,
                                               capsys):
    folder = tmp_path / 'demo'
    if row != 'dense':
        for name in ROWS[:step - 2]:
            shutil.copytree(finished[0] / name, folder / name)
    script = ROOT / 'tests' / 'support' / 'tiny_demo.py'
    killed = python(script, folder, row, '5', cwd=tmp_path)
    assert killed.returncode == -9, killed.stderr
    assert (folder / row / 'iter_4.pth').is_file()
    demo = command_demo(folder)
    assert demo.status()[row].state == 'begun'
    with pytest.raises(KeyboardInterrupt):
        demo.run(UntilStep(step))
    assert 'going on at iteration 4 of 6' in capsys.readouterr().out
    assert demo.status()[row].state == 'finished'
    assert runs.differences(
        state_of(folder, row), state_of(finished[0], row)) == []


def test_fresh_removes_what_the_demo_made_and_nothing_else(copy):
    (copy / 'mine.txt').write_text('keep')
    (copy / 'notes').mkdir()
    (copy / 'notes' / 'step').write_text('keep')
    command_demo(copy).forget()
    assert sorted(path.name for path in copy.iterdir()) == [
        'mine.txt', 'notes'
    ]


def test_fresh_starts_from_nothing(copy, monkeypatch, capsys):
    """The seed may stay as it was: nothing of the old one is used."""
    seen = []
    monkeypatch.setattr(
        Demo, 'run', lambda self, screen: seen.append(
            (sorted(p.name for p in self.folder.iterdir()), self.status())))
    with pytest.raises(TypeError):  # this one gave no record to show
        tiny_demo.run('--out', str(copy), '--fresh')
    (there, states), = seen
    assert there == []
    assert {(e.state, e.why) for e in states.values()} == {('absent', '')}


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, capsys):
    (tmp_path / 'dense').mkdir()
    (tmp_path / 'dense' / 'last_checkpoint').write_text('mine')
    assert main(['demo', '--out', str(tmp_path)]) == 2
    assert f'{tmp_path}/dense is there already, and was not made by the ' \
        'demo' in capsys.readouterr().err
    assert (tmp_path / 'dense' / 'last_checkpoint').read_text() == 'mine'


@pytest.mark.parametrize('answer', ['quit', 'fresh', 'resume'])
def test_on_a_terminal_it_asks(copy, answer, monkeypatch):
    asked = []

    def ask(question, **options):
        asked.append(options['choices'])
        return answer

    monkeypatch.setattr(Prompt, 'ask', ask)
    monkeypatch.setattr(sys.stdin, 'isatty', lambda: True)
    console = Console(force_terminal=True, width=80)
    demo = command_demo(copy)
    assert command._go_on(console, demo, ask=True) is (answer != 'quit')
    assert asked == [['resume', 'fresh', 'quit']]
    assert (copy / 'dense').exists() is (answer != 'fresh')
    # Nothing there, or told what to do: no question.
    demo.forget()
    assert command._go_on(console, demo, ask=True)
    assert len(asked) == 1


def test_checks_have_both_sides():
    fids = dict(zip(ROWS, (1., 100., 10., 5., 1., 5., 50., 1., 1.)))
    good = dict(
        accuracy=.99,
        fids=fids,
        counts={'agp-90': (True, 660, 660)},
        sizes={'half-channels': (True, 330, 330)},
        faster=2.)
    assert all(check.met for check in checks(**good))
    other = [
        dict(accuracy=.96),
        dict(fids={'dense': 2.5, 'oneshot-90': 300.}),
        dict(fids={'oneshot-90': 9., 'agp-90': 1.,
                   'oneshot-finetuned-90': 1., 'agp-output-l1-90': .5}),
        dict(fids={'oneshot-finetuned-90': 34.}),
        dict(fids={'agp-90': 21.}),
        dict(fids={'agp-output-l1-90': 4.}),
        dict(fids={'half-channels-output-l1': 2.1}),
        dict(fids={'half-channels': 4.9}),
        dict(faster=1.4),
        dict(counts={'agp-90': (False, 660, 661)}),
        dict(sizes={'half-channels': (False, 330, 660)}),
    ]
    for position, changed in enumerate(other):
        given = {**good, **changed,
                 'fids': {**fids, **changed.get('fids', {})}}
        found = [check.met for check in checks(**given)]
        assert found.index(False) == position and found.count(False) == 1
    assert len(other) == len(found)


@pytest.mark.parametrize('word', ['-1', '1.5', str(2**32)])
def test_wrong_seed_is_refused(word, capsys):
    with pytest.raises(SystemExit):
        main(['demo', f'--seed={word}'])
    assert 'expected a whole number from 0 to' in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(3))
def test_full_demo_meets_all_checks(tmp_path, seed, capsys):
    code = main(['demo', '--out', str(tmp_path), '--seed', str(seed)])
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert shown.count('\nmet ') == 16 and 'MISSED' not in shown
    record = read_record(tmp_path)
    fids = {m['name']: m['metrics'][FID] for m in record['models']}
    assert fids['dense'] <= 2
    assert fids['oneshot-90'] >= 10 * fids['dense']
    assert fids['oneshot-finetuned-90'] <= fids['oneshot-90'] / 3
    assert fids['agp-90'] <= fids['oneshot-90'] / 5
    packed = [m['bytes_packed'] for m in record['models']]
    assert fids['agp-90'] >= 1.3 * fids['agp-output-l1-90']
    assert max(packed[1:6]) < .3 * packed[0]
    assert all(.2 < size / packed[0] < .5 for size in packed[6:])
    assert fids['half-channels-output-l1'] <= 2
    assert fids['half-channels'] >= 5 * fids['half-channels-output-l1']

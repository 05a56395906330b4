"""DGL-GAN: each line of the README plans; both ways of two stages agree."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from tests.configs.test_variants import options
from tests.support import runs, slim, taught, teaching, tiny
from tests.support.tiny import STOCK_WARNINGS
from tests.support.variants import variants

pytestmark = STOCK_WARNINGS

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'dgl_gan'
WHOLE = sorted(FOLDER.glob('dgl-gan-w2_*.py'))
DIGITS = 'dgl-gan-w2{}_sngan-proj_digits-16x16.py'
BOTH = [DIGITS, 'dgl-gan-w2{}_stylegan2_c2_8xb4_ffhq-1024x1024.py']
FOUND = variants(FOLDER / 'README.md')

assert len(WHOLE) >= 8


def of_table(name, stage):
    """The lines of a table for a small config, and slow for a large one."""
    found = [v for v in FOUND if v.table == name]
    assert len(found) >= 9
    return pytest.mark.parametrize(('path', 'variant'), [
        pytest.param(
            FOLDER / path.format(stage),
            variant,
            id=f'{path[13:22]}-{variant}',
            marks=() if path == DIGITS else pytest.mark.slow)
        for path in BOTH for variant in found
    ])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('teachers')


def rows(document, key):
    return {row[key]: row for row in document['mechanisms'] if key in row}


@pytest.mark.parametrize('path', [
    pytest.param(
        path,
        id=path.stem,
        marks=pytest.mark.slow if 'stylegan2' in path.name else ())
    for path in WHOLE
])
def test_both_stages(path, folder):
    config = taught.teach(load_config(str(path)), folder)
    document = plan(config)
    guide, = rows(document, 'term').values()
    assert (guide['type'], guide['place'], guide['weight']) == (
        'TeacherAdversarialLoss', 'generator', 0.1)
    first, second = rows(document, 'stage').values()
    assert (first['weights'], second['weights']) == (
        dict(guide=0.), dict(guide=0.1))
    assert second['reset_optimizers'] and not first['reset_optimizers']
    row, = (line for line in (FOLDER / 'README.md').read_text().split('\n')
            if f']({path.name})' in line)
    ends = [int(re.match(r'[\d,]+', cell.strip())[0].replace(',', ''))
            for cell in row.split('|')[5:7]]
    assert [first['end'], second['end']] == ends
    for network in document['networks'].values():
        assert network['params'] < network['params_before'] / 2
    stop = config.default_hooks.stages.stages[1].get('stop')
    assert (stop is not None) is ('biggan' in path.name)


@pytest.mark.slow
@pytest.mark.parametrize('path', WHOLE, ids=lambda p: p.stem)
def test_parameters_of_the_readme(path, folder):
    config = load_config(str(path))
    config.default_hooks.distillation = config.default_hooks.stages = None
    networks = plan(config)['networks']
    row, = (line for line in (FOLDER / 'README.md').read_text().split('\n')
            if f']({path.name})' in line)
    for role, cell in zip(('generator', 'discriminator'),
                          row.split('|')[3:5]):
        counts = [int(n.replace(',', '')) for n in re.findall(r'[\d,]+', cell)]
        for network in networks.values():
            if network['role'] == role:
                assert counts == [network['params_before'], network['params']]


def varied(path, variant, run):
    """A config with a variant; layers are those of a small network."""
    layers = '[block1,block2]' if 'digits' in path.name else '[8px,16px]'
    words = [re.sub(r'\[[\d,px]+\]', layers, word)
             for word in variant.options(run)]
    return load_config(str(path), options(words))


@of_table('Variant', '')
def test_variant(path, variant, folder):
    plain = plan(taught.teach(load_config(str(path)), folder))
    config = varied(path, variant, folder)
    document = plan(taught.teach(config, folder))
    assert document != plain or 'seed' in variant.words
    divisors = dict(re.findall(r'(\w+)\.divisor=(\d)', variant.words))
    for role, network in document['networks'].items():
        divided = int(divisors.get(role, 2)) > 1
        assert (network['params'] < network['params_before']) is divided


@pytest.fixture(scope='module')
def first(tmp_path_factory):
    """What stage I and the README's snippet leave, per config."""

    def left(path):
        run = tmp_path_factory.getbasetemp() / f'run-{path.stem}'
        if run.is_dir():
            return run
        config = taught.narrow(load_config(str(path)))
        state = torch.load(
            taught.weights(config, run / Path(config.load_from).name),
            weights_only=True)['state_dict']
        wide = load_config(str(path))
        wide.model.discriminator.divisor = 1
        teacher = torch.load(
            taught.weights(taught.narrow(wide), run / 'wide.pth'),
            weights_only=True)['state_dict']
        judge = 'discriminator.'
        d = {k: v for k, v in teacher.items() if k.startswith(judge)}
        g = {k: v for k, v in state.items() if not k.startswith(judge)}
        torch.save(dict(state_dict={**g, **d}), run / 'joined.pth')
        torch.save(dict(state_dict=d), run / 'teacher_d.pth')
        return run

    return left


@of_table('Variant of stage II', '-stage2')
def test_variant_of_stage_2(path, variant, folder, first):
    config = varied(path, variant, first(path))
    if 'load_from' not in variant.words:
        stage1 = load_config(str(path.parent / path.name.replace(
            'stage2', 'stage1')))
        end = f'iter_{stage1.train_cfg.max_iters}.pth'
        folder_of = path.stem.replace('stage2', 'stage1')
        assert config.load_from == f'work_dirs/{folder_of}/{end}'
        config.load_from = str(first(path) / end)
    document = plan(taught.teach(config, folder))
    terms = {row['type']: row for row in rows(document, 'term').values()}
    wanted = set(re.findall(r'mmgancomp\.(\w+)', variant.words))
    if '$D=None' in variant.words or 'student_disc' in variant.words:
        assert not terms
    else:
        assert set(terms) == wanted | {'TeacherAdversarialLoss'}
        silent = 'guide.loss_weight=0' in variant.words
        assert terms['TeacherAdversarialLoss']['weight'] == (
            0 if silent else 0.1)
    for teacher in rows(document, 'checkpoint').values():
        assert teacher['judges'] is ('student_disc' in variant.words)
        assert teacher['trains'] is ('train=True' in variant.words)


STAGE = 4  # a multiple of both of the tiny StyleGAN2's intervals


class Same(Hook):
    """Stage II draws the same numbers whichever iteration it begins at."""

    def __init__(self, at):
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            torch.manual_seed(7)
            np.random.seed(7)
            random.seed(7)


def same_batch(family, folder):
    """The same batch always: a second run begins with the first."""
    if family != 'cyclegan':
        return dict(batch_size=4, dataset=dict(indices=4),
                    sampler=dict(shuffle=False))
    # Its data set draws the second image, so there is one of each; and
    # images of a first run that are kept back are not in a second.
    for domain in ('trainA', 'trainB'):
        part = folder / 'images' / domain
        part.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny.images() / 'unpaired' / domain / '00.png', part)
    return dict(batch_size=1, dataset=dict(data_root=str(folder / 'images')),
                sampler=dict(shuffle=False))


@pytest.mark.slow
@pytest.mark.parametrize('family', ['dcgan', 'biggan', 'cyclegan'])
def test_one_run_and_two_end_with_the_same_weights(family, tmp_path):
    teacher = teaching.teacher_of(family, tmp_path)

    def config(name, iterations, second=None, **more):
        hooks = dict(compression=dict(type='mmgancomp.RunStateHook'))
        hooks = hooks if second is None else dict(
            distillation=dict(
                type='mmgancomp.DistillationHook',
                teacher=teacher,
                generator=dict(
                    guide=dict(type='mmgancomp.TeacherAdversarialLoss'))))
        if second:
            hooks['stages'] = second
        return slim.config(
            family,
            tmp_path / name,
            iterations=iterations,
            default_hooks=hooks,
            train_dataloader=same_batch(family, tmp_path),
            **(dict(model=dict(buffer_size=0)) if family == 'cyclegan'
               else {}),
            **more)

    steps = 2 if family == 'biggan' else 1
    stages = dict(
        type='mmgancomp.StageHook',
        stages=[
            dict(until=STAGE // steps, weights=dict(guide=0.)),
            dict(weights=dict(guide=0.1), reset_optimizers=True)
        ])
    runs.train(config('one', 2 * STAGE, stages), Same(STAGE))
    runs.train(config('first', STAGE))
    source = tmp_path / 'first' / f'iter_{STAGE}.pth'
    runs.train(
        config('second', STAGE, {}, load_from=str(source)), Same(0))
    ends = [
        runs.load(tmp_path / name / f'iter_{last}.pth')
        for name, last in (('one', 2 * STAGE), ('second', STAGE))
    ]
    for part in ('state_dict', 'optimizer'):
        assert runs.differences(*(end[part] for end in ends)) == []
    untaught = tmp_path / 'without'
    plain = config('without', STAGE, load_from=str(source))
    runs.train(plain, Same(0))
    assert runs.differences(
        ends[1]['state_dict'],
        runs.load(untaught / f'iter_{STAGE}.pth')['state_dict'])

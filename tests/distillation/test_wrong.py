"""A wrong teacher ends in one clear sentence before training starts."""

import copy

import pytest
import torch
from mmengine import Config
from mmengine.runner import IterBasedTrainLoop, Runner

from mmgancomp.cli.main import main
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from tests.support import teaching, tiny

pytestmark = tiny.STOCK_WARNINGS

GUIDE = dict(type='mmgancomp.TeacherAdversarialLoss')
KEY = 'default_hooks.distillation'
TEACHER, G, D = (f'{KEY}.{n}'
                 for n in ('teacher', 'generator', 'discriminator'))


def inter(*layers, **options):
    """A feature term."""
    return dict(type='mmgancomp.FeatureL1Loss', layers=list(layers),
                **options)


def guide(**options):
    """Entries with one guiding term."""
    return dict(generator=dict(guide=dict(GUIDE, **options)))


CASES = {
    'an option that is none':
    (dict(guide(), teachers={}), f'{KEY}.teachers', "'teacher'"),
    'no teacher':
    (dict(guide(), teacher=None), TEACHER, 'checkpoint='),
    'no checkpoint':
    (dict(guide(), teacher=dict(config='{like}')), f'{TEACHER}.checkpoint',
     'snapshot:NAME'),
    'a teacher option that is none':
    (dict(guide(), teacher=dict(checkpoint='{pth}', frozen=True)),
     f'{TEACHER}.frozen', 'no such option'),
    'a config that is nowhere':
    (dict(guide(), teacher=dict(config='nowhere.py', checkpoint='{pth}')),
     f'{TEACHER}.config', 'cannot be read'),
    'a checkpoint that is nowhere':
    (dict(guide(), teacher=dict(checkpoint='nowhere.pth')),
     f'{TEACHER}.checkpoint', 'no such file'),
    'a damaged checkpoint':
    (dict(guide(), teacher=dict(checkpoint='{damaged}')),
     f'{TEACHER}.checkpoint', 'damaged'),
    'a checkpoint of another width':
    (dict(guide(), teacher=dict(checkpoint='{wide_pth}')),
     f'{TEACHER}.checkpoint', 'of another model'),
    'a teacher of another family':
    (dict(guide(), teacher=dict(config='{other}', checkpoint='{pth}')),
     f'{TEACHER}.config', "of family 'sagan'"),
    'a teacher of another size':
    (dict(guide(), teacher=dict(config='{larger}', checkpoint='{pth}')),
     f'{TEACHER}.config', 'must take what the student takes'),
    'EMA that is not kept':
    (dict(guide(), teacher=dict(checkpoint='{pth}', ema=True)),
     f'{TEACHER}.ema', 'keeps no EMA'),
    'an optimizer for a frozen teacher':
    (dict(guide(), teacher=dict(checkpoint='{pth}',
                                optimizer=dict(type='Adam'))),
     f'{TEACHER}.optimizer', 'train=True'),
    'a teacher that trains for nobody':
    (dict(generator=dict(out=dict(type='mmgancomp.OutputL1Loss')),
          teacher=dict(checkpoint='{pth}', train=True)),
     f'{TEACHER}.train', 'would do nothing'),
    'a teacher whom nobody asks':
    (dict(guide(teacher='a'),
          teacher=dict(a=dict(checkpoint='{pth}'),
                       b=dict(checkpoint='{pth}'))),
     f'{TEACHER}.b', 'no term asks'),
    'two teachers and no name':
    (dict(guide(), teacher=dict(a=dict(checkpoint='{pth}'),
                                b=dict(checkpoint='{pth}'))),
     f'{G}.guide.teacher', 'say which'),
    'a teacher that is none':
    (guide(teacher='big'), f'{G}.guide.teacher', 'no such teacher'),
    'no term': (dict(), G, 'at least one loss term'),
    'a term without a name':
    (dict(generator=GUIDE), G, 'generator=dict(guide='),
    'a term that is none':
    (dict(generator=dict(a=dict(type='mmgancomp.TeacherAdversarialLos'))),
     f'{G}.a.type', "did you mean 'TeacherAdversarialLoss'"),
    'a term without a type':
    (dict(generator=dict(a=dict(loss_weight=1.))), f'{G}.a', 'dict(type='),
    'a term of the other loss':
    (dict(generator=dict(a=dict(type='mmgancomp.TeacherGeneratedLoss'))),
     f'{G}.a.type', D),
    'a term option that is none':
    (guide(weight=.1), f'{G}.guide.weight', "did you mean 'loss_weight'"),
    'a weight that is no number':
    (guide(loss_weight='0.1'), f'{G}.guide.loss_weight', 'finite number'),
    'a weight that is not finite':
    (guide(loss_weight=float('inf')), f'{G}.guide.loss_weight',
     'finite number'),
    'a term after the run':
    (guide(begin=1000), f'{G}.guide.begin', 'never count'),
    'an end that can be read in two ways':
    (guide(end=1.), f'{G}.guide.end', '"end"'),
    'an optimizer for nothing':
    (guide(optimizer=dict(type='Adam', lr=1.)), f'{G}.guide.optimizer',
     'no parameters'),
    'two terms of one name':
    (dict(generator=dict(a=GUIDE), discriminator=dict(
        a=dict(type='mmgancomp.DiscriminatorKDLoss'))), f'{D}.a',
     'another term is called'),
    'no layers':
    (dict(generator=dict(a=dict(type='mmgancomp.FeatureL1Loss'))),
     f'{G}.a.layers', 'list of names'),
    'a layer that is none':
    (dict(generator=dict(a=inter('upsampling.9'))), f'{G}.a.layers',
     "did you mean 'upsampling."),
    'features of two sizes':
    (dict(generator=dict(a=dict(
        type='mmgancomp.FeatureL1Loss', layers=dict(block1='block2')))),
     f'{G}.a.layers', 'of one size'),
    'a floor of nothing':
    (dict(generator=dict(a=dict(
        type='mmgancomp.NormalisedConsistencyLoss', floor=0.))), f'{G}.a',
     'above 0'),
    'a treatment that is none':
    (dict(guide(), student_discriminator='fixed'),
     f'{KEY}.student_discriminator', 'no such treatment'),
    'a term of a loss that nobody minimises':
    (dict(guide(), student_discriminator='frozen', discriminator=dict(
        a=dict(type='mmgancomp.DiscriminatorKDLoss'))), f'{D}.a',
     'would do nothing'),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wrong')
    tiny.config('dcgan', folder).dump(folder / 'right.py')
    return folder


@pytest.fixture(scope='module')
def files(folder):
    like = teaching.teacher_of('dcgan', folder)
    wide = teaching.teacher_of('dcgan', folder, wider=True)
    (folder / 'damaged.pth').write_bytes(b'PK\3\4 and then the disk was full')
    other = tiny.config('sngan_proj', folder / 'other').filename
    larger = tiny.config(
        'dcgan',
        folder / 'larger',
        model=dict(
            generator=dict(output_scale=64),
            discriminator=dict(input_scale=64))).filename
    return dict(
        like=like['config'],
        pth=like['checkpoint'],
        wide=wide['config'],
        wide_pth=wide['checkpoint'],
        damaged=folder / 'damaged.pth',
        other=other,
        larger=larger)


def filled(value, files):
    """Put file names in."""
    if isinstance(value, dict):
        return {k: filled(v, files) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, files) for v in value]
    return value.format(**files) if isinstance(value, str) else value


def config_of(entries, folder, files):
    """The right config with a teacher."""
    config = Config.fromfile(folder / 'right.py')
    config.default_hooks['distillation'] = filled(
        {
            'type': 'mmgancomp.DistillationHook',
            'teacher': dict(checkpoint='{pth}'),
            **copy.deepcopy(entries)
        }, files)
    return config


@pytest.mark.parametrize('name', CASES)
def test_the_plan_finds_it(name, folder, files):
    entries, key, remedy = CASES[name]
    with pytest.raises(ConfigError) as caught:
        plan(config_of(entries, folder, files))
    message = str(caught.value)
    assert message.startswith(f'{key} = ')
    assert remedy in message
    assert '\n' not in message


@pytest.mark.parametrize('name', [
    'a checkpoint of another width', 'a teacher of another family',
    'a layer that is none', 'a weight that is not finite'
])
def test_training_finds_it_before_the_first_iteration(
        name, folder, files, monkeypatch, tmp_path):

    def run_iter(self, data_batch):
        raise AssertionError('an iteration was about to run')

    monkeypatch.setattr(IterBasedTrainLoop, 'run_iter', run_iter)
    entries, key, remedy = CASES[name]
    config = config_of(entries, folder, files)
    config.work_dir = str(tmp_path)
    config.experiment_name = f'wrong_{list(CASES).index(name)}'
    runner = Runner.from_cfg(config)
    with pytest.raises(ConfigError) as caught:
        runner.train()
    assert str(caught.value).startswith(f'{key} = ')


@pytest.mark.parametrize('entries,key', [
    (dict(generator=dict(
        same=dict(type='mmgancomp.NormalisedConsistencyLoss'))),
     f'{G}.same.discriminator_weight'),
    (dict(guide(), teacher=dict(checkpoint='{pth}', train=True)),
     f'{TEACHER}.train'),
], ids=['consistency', 'train'])
def test_a_penalty_that_nobody_else_can_evaluate(entries, key, folder,
                                                 files):
    config = config_of(entries, folder, files)
    plan(config)
    config.model['type'] = 'WGANGP'
    with pytest.raises(ConfigError, match="WGANGP's gradient penalty") as it:
        plan(config)
    assert str(it.value).startswith(f'{key} = ')
    if 'same' in key:
        config.default_hooks.distillation.generator.same[
            'discriminator_weight'] = 0
        plan(config)


def test_a_stage_knows_the_terms(folder, files):
    config = config_of(guide(), folder, files)
    config.default_hooks['stages'] = dict(
        type='mmgancomp.StageHook', stages=[dict(weights=dict(guid=.1))])
    with pytest.raises(ConfigError, match="did you mean 'guide'"):
        plan(config)


def test_the_plan_shows_the_match_and_the_terms(folder, files, capsys):
    config = config_of(
        dict(
            guide(end=.5),
            teacher=dict(config='{wide}', checkpoint='{wide_pth}')), folder,
        files)
    config.default_hooks.distillation.generator['inter'] = inter('block1')
    rows = plan(config)['mechanisms']
    teacher, first, second = rows
    match = teacher['networks']['discriminator']
    assert match['params'] > match['student_params'] > 0
    assert (first['term'], first['end']) == ('guide', 4)
    # 1×1 from 16 to 24 channels.
    assert second['layers']['generator'][0]['connector'] == 16 * 24
    path = folder / 'shown.py'
    config.dump(path)
    assert main(['plan', str(path)]) == 0
    shown = capsys.readouterr().out
    assert 'teacher teaches, family plain' in shown
    assert "generator's loss + 0.1 · guide: TeacherAdversarialLoss" in shown
    assert 'generator.upsampling.0 → upsampling.0 (connector' in shown


def test_planning_leaves_the_random_numbers_alone(folder, files):
    torch.manual_seed(3)
    plan(config_of(guide(), folder, files))
    one = torch.rand(3)
    torch.manual_seed(3)
    config = Config.fromfile(folder / 'right.py')
    plan(config)
    assert torch.equal(one, torch.rand(3))

"""The builder: what it makes, what it refuses, and what it loads."""

from __future__ import annotations

import copy
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine import Config, DefaultScope
from mmengine.runner import Runner

from mmgancomp import families
from mmgancomp.channels import ChannelPlan, NetworkPlan
from mmgancomp.cli.common import load_config
from mmgancomp.cli.main import main
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from mmgancomp.registry import MODELS
from mmgancomp.repairs.reading import read_checkpoint
from mmgancomp.runtime.structure import noted
from tests.support import kill, runs, slim, tiny

pytestmark = tiny.STOCK_WARNINGS

DCGAN = dict(
    type='DCGANGenerator', output_scale=32, base_channels=32, noise_size=8)
BIGGAN = dict(
    type='BigGANGenerator',
    output_scale=64,
    num_classes=3,
    noise_size=10,
    base_channels=8)


def build(default_args=None, **options):
    with DefaultScope.overwrite_default_scope('mmagic'):
        return MODELS.build(
            dict(type='mmgancomp.Slimmed', **options),
            default_args=default_args)


def width(network):
    return network.noise2feat.conv.out_channels


def test_a_plan_as_a_file_and_in_place(tmp_path):
    written = ChannelPlan({
        'generator': NetworkPlan(divisor=4),
        'discriminator': NetworkPlan(divisor=2)
    })
    written.write(tmp_path / 'plan.json')
    for given in (str(tmp_path / 'plan.json'), written.document()):
        built = build(network=DCGAN, plan=given, part='generator')
        assert width(built) == 8
        assert noted(built) == dict(divisor=4)
        built = build(network=DCGAN, plan=given, part='discriminator')
        assert width(built) == 16
    one = ChannelPlan({'generator': NetworkPlan(divisor=2)}).document()
    assert width(build(network=DCGAN, plan=one)) == 16


def test_what_the_model_hands_over_is_passed_on():
    config = {k: v for k, v in DCGAN.items() if k != 'noise_size'}
    built = build(dict(noise_size=5), network=config, divisor=2)
    assert built.noise_size == 5
    assert build(dict(noise_size=8), network=DCGAN, divisor=2).noise_size == 8


def test_divisor_one_is_the_stock_network():
    torch.manual_seed(3)
    built = build(network=DCGAN, divisor=1)
    torch.manual_seed(3)
    with DefaultScope.overwrite_default_scope('mmagic'):
        stock = MODELS.build(DCGAN)
    for name, value in stock.state_dict().items():
        assert torch.equal(value, built.state_dict()[name]), name


def test_the_config_given_is_left_as_it_is():
    config = Config(dict(model=DCGAN)).model
    before = copy.deepcopy(config)
    build(network=config, divisor=2)
    assert config == before


@pytest.mark.parametrize('options,said', [
    (dict(divisor=2), 'mmgancomp.Slimmed.network = None: give the config'),
    (dict(network='DCGANGenerator', divisor=2),
     "mmgancomp.Slimmed.network = 'DCGANGenerator': give the config"),
    (dict(network=dict(type='Gone'), divisor=2),
     "mmgancomp.Slimmed.network.type = 'Gone': no such network"),
    (dict(network=DCGAN), 'mmgancomp.Slimmed.divisor = None: give either'),
    (dict(network=DCGAN, divisor=2, plan='plan.json'),
     'mmgancomp.Slimmed.divisor = 2: give either'),
    (dict(network=DCGAN, divisor=0),
     'mmgancomp.Slimmed.divisor = 0: write a whole number'),
    (dict(network=DCGAN, divisor=True), 'divisor = True: write a whole'),
    (dict(network=DCGAN, divisor=.5, part='generator'),
     'model.generator.divisor = 0.5: write a whole number'),
    (dict(network=DCGAN, divisr=2),
     "mmgancomp.Slimmed.divisr = 2: .*did you mean 'divisor'"),
    (dict(network=DCGAN, divisor=2, prat='generator'),
     "mmgancomp.Slimmed.prat = 'generator': .*did you mean 'part'"),
    (dict(network=DCGAN, plan='gone.json'),
     "mmgancomp.Slimmed.plan = 'gone.json': cannot be read"),
    (dict(network=DCGAN, part='generater',
          plan=dict(schema=1, networks=dict(generator={}, discriminator={}))),
     "model.generater.part = 'generater': .*did you mean 'generator'"),
    (dict(network=DCGAN,
          plan=dict(schema=1, networks=dict(generator={}, discriminator={}))),
     'mmgancomp.Slimmed.part = None: say which entry'),
    (dict(network=dict(type='mmgancomp.Slimmed', network=DCGAN, divisor=2),
          divisor=2), 'network.type = .*: is narrowed already'),
    (dict(network=dict(type='PixelNorm'), divisor=2),
     "network.type = 'PixelNorm': no family has a method 'narrow'"),
    # Without _delete_=True the entries of the stock network stay.
    (dict(network=DCGAN, divisor=2, base_channels=64),
     'Slimmed.base_channels = 64: the network says 32; .*_delete_=True'),
    (dict(network=BIGGAN, divisor=1, num_classes=None),
     'model.num_classes = None: write 3, as the narrowed network has it'),
    # The last stages would have 4, 2, 1 and 0 channels.
    (dict(network=dict(DCGAN, output_scale=64, base_channels=4), divisor=1),
     r'divisor = 1: DCGANGenerator cannot be built .*would be \('),
    # Attention has an eighth of its input's channels.
    (dict(network=BIGGAN, divisor=4),
     r'divisor = 4: BigGANGenerator cannot be built .*theta'),
    (dict(network=dict(DCGAN, output_scale='x'), divisor=2),
     'DCGANGenerator cannot be built .*TypeError'),
])
def test_wrong_settings_are_one_sentence(options, said):
    with pytest.raises(ConfigError) as error:
        build(**options)
    assert re.search(said, str(error.value)), error.value
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('options', [
    dict(network=BIGGAN, divisor=2),
    dict(network=dict(type='StyleGAN2Generator', out_size=16,
                      style_channels=8, num_mlps=1), divisor=64),
], ids=['biggan', 'stylegan2'])
def test_copies_and_pickles_are_of_the_stock_class(options):
    built = build(**options)
    again = copy.deepcopy(built)
    file = io.BytesIO()
    torch.save(built, file)
    file.seek(0)
    for other in (again, torch.load(file, weights_only=False)):
        assert type(other) is type(built)
        assert type(other).__module__.startswith('mmagic.')
        assert noted(other) == noted(built)
        other.load_state_dict(built.state_dict())
        with pytest.raises(ConfigError):
            other.load_state_dict({
                name: torch.zeros(*value.shape, 2)
                for name, value in built.state_dict().items()
            })


STOCK = dict(
    biggan=dict.fromkeys(('generator', 'discriminator'),
                         dict(base_channels=2)),
    sagan=dict.fromkeys(('generator', 'discriminator'),
                        dict(base_channels=8)),
    sngan_proj=dict.fromkeys(('generator', 'discriminator'),
                             dict(base_channels=8)),
    dcgan=dict(
        generator=dict(base_channels=16), discriminator=dict(base_channels=4)),
    cyclegan=dict.fromkeys(('generator', 'discriminator'),
                           dict(base_channels=4)),
    pix2pix=dict.fromkeys(('generator', 'discriminator'),
                          dict(base_channels=4)),
    srgan=dict(
        generator=dict(mid_channels=4), discriminator=dict(mid_channels=2)),
    esrgan=dict(
        generator=dict(mid_channels=4, growth_channels=2),
        discriminator=dict(mid_channels=2)))
"""What a stock config says to be as narrow."""


@pytest.mark.parametrize('family', STOCK)
def test_weights_load_strictly_in_the_ordinary_config(family, tmp_path):
    config = slim.config(family, tmp_path)
    with DefaultScope.overwrite_default_scope('mmagic'):
        slimmed = MODELS.build(config.model)
    stock = tiny.model(family, **STOCK[family])
    stock.load_state_dict(slimmed.state_dict(), strict=True)
    for network in families.of(slimmed).networks(slimmed).values():
        assert noted(network.module) == dict(divisor=2)


@pytest.mark.parametrize('kind,said', [
    ('mmgancomp.Slimed', "no such network; did you mean 'mmgancomp.Slimmed'"),
    ('Slimmed', "write 'mmgancomp.Slimmed'"),
])
def test_a_misspelt_builder(kind, said, tmp_path, capsys):
    config = slim.config('dcgan', tmp_path)
    path = Path(config.filename)
    path.write_text(path.read_text().replace('mmgancomp.Slimmed', kind))
    for command in 'plan', 'train':
        assert main([command, str(path)]) == 2
        assert (f'error: model.generator.type = {kind!r}: {said}'
                in capsys.readouterr().err)


# -- loading in runs ---------------------------------------------------------


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory) -> dict[int, Path]:
    """Divisor → checkpoint of a run with the builder as its only piece."""
    found = {}
    for divisor in (1, 2):
        folder = tmp_path_factory.mktemp(f'half{divisor}')
        runs.train(
            slim.config(
                'dcgan', folder, divisor, iterations=2, checkpoint=2))
        found[divisor] = folder / 'iter_2.pth'
    return found


@pytest.mark.parametrize('compression', [False, True])
def test_a_run_starts_from_weights_of_its_width(compression, checkpoints,
                                                tmp_path):
    hooks = dict(compression=dict(type='mmgancomp.RunStateHook'))
    config = slim.config(
        'dcgan',
        tmp_path,
        iterations=1,
        checkpoint=1,
        load_from=str(checkpoints[2]),
        default_hooks=hooks if compression else {},
        optim_wrapper=dict.fromkeys(('generator', 'discriminator'),
                                    dict(optimizer=dict(lr=0.))))
    runs.train(config)
    saved = read_checkpoint(tmp_path / 'iter_1.pth')
    before = read_checkpoint(checkpoints[2])['state_dict']
    for name, value in saved['state_dict'].items():
        if name.endswith(('weight', 'bias')):
            assert torch.equal(value, before[name]), name
    assert ('mmgancomp' in saved) == compression
    if compression:
        entry = dict(divisor=2)
        assert saved['mmgancomp']['channels']['plan']['networks'] == dict(
            generator=entry, discriminator=entry)


@pytest.mark.parametrize('compression', [False, True])
def test_weights_of_another_width_are_refused(compression, checkpoints,
                                              tmp_path):
    hooks = dict(compression=dict(type='mmgancomp.RunStateHook'))
    config = slim.config(
        'dcgan',
        tmp_path,
        load_from=str(checkpoints[1]),
        default_hooks=hooks if compression else {})
    runner = Runner.from_cfg(config)
    with pytest.raises(ConfigError) as error:
        runner.train()
    said = str(error.value)
    assert 'mmgancomp.Slimmed (divisor=2) has narrowed' in said
    assert '(16, 32, 4, 4) there and (16, 16, 4, 4) in the network' in said
    assert 'a run with the same divisor' in said and '\n' not in said
    assert runner.iter == 0
    if compression:
        assert said.startswith(f'load_from = {str(checkpoints[1])!r}: ')


def test_plan_and_train_refuse_them_in_the_same_words(checkpoints, tmp_path,
                                                      capsys):
    config = slim.config(
        'dcgan',
        tmp_path,
        load_from=str(checkpoints[1]),
        default_hooks=dict(compression=dict(type='mmgancomp.RunStateHook')))
    assert main(['plan', config.filename]) == 2
    planned = capsys.readouterr().err
    assert f'error: load_from = {str(checkpoints[1])!r}: ' in planned
    assert main(['train', config.filename]) == 2
    assert planned.strip().splitlines()[-1] in capsys.readouterr().err


def test_resuming_with_another_divisor_is_refused(checkpoints, tmp_path):
    config = runs.resume_from(
        slim.config(
            'dcgan',
            tmp_path,
            4,
            default_hooks=dict(
                compression=dict(type='mmgancomp.RunStateHook'))),
        checkpoints[2].parent, 2)
    with pytest.raises(ConfigError, match='^resume = .*divisor=4'):
        Runner.from_cfg(config).train()


def test_plan_shows_stock_and_narrow(tmp_path, capsys):
    config = slim.config('biggan', tmp_path, parts=('generator', ))
    shown = plan(load_config(config.filename))['networks']
    stock = plan(tiny.config('biggan', tmp_path / 'stock'))['networks']
    generator = shown['generator']
    assert generator['channels'] == dict(divisor=2)
    assert generator['params_before'] == stock['generator']['params']
    assert generator['macs_before'] == stock['generator']['macs_after']
    assert generator['params'] < .5 * generator['params_before']
    assert generator['macs_after'] < .5 * generator['macs_before']
    assert generator['nonzero_after'] == generator['params']
    assert shown['discriminator'] == stock['discriminator']
    assert 'channels' not in shown['discriminator']

    assert main(['plan', config.filename]) == 0
    text = capsys.readouterr().out
    assert 'generator is narrowed, widths ÷ 2:' in text
    assert (f'{generator["params_before"]:,} → {generator["params"]:,} params'
            in text)
    assert 'Nothing is compressed' not in text


@pytest.mark.slow
def test_a_stranger_s_script_and_a_stranger_s_machine(tmp_path):
    """MMagic's own train.py, then plain MMagic without this package."""
    masks = dict(
        type='mmgancomp.SparsityHook', networks=dict(
            generator=dict(density=.2)))
    config = slim.config(
        'biggan',
        tmp_path / 'config',
        iterations=2,
        checkpoint=2,
        default_hooks=dict(sparsity=masks))
    kill.run(kill.MMAGIC, Path(config.filename), tmp_path / 'run')
    stock = tiny.config(
        'biggan', tmp_path / 'stock', model=STOCK['biggan'])
    loaded = subprocess.run(
        [
            sys.executable,
            Path(kill.__file__).with_name('plain_mmagic.py'),
            stock.filename,
            tmp_path / 'run' / 'iter_2.pth'
        ],
        capture_output=True,
        text=True)
    assert loaded.returncode == 0, loaded.stderr[-3000:]
    assert 'of the weights are zero' in loaded.stdout

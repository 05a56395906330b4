"""Networks whose groups nobody declares: found by running, tried, kept."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from mmengine import DefaultScope
from mmengine.config import Config
from torch import nn

from mmgancomp import families
from mmgancomp.channels import ChannelPlan, channel_groups, kill, remove
from mmgancomp.channels.finding import find_groups, groups_after
from mmgancomp.channels.remove import difference, example, outputs
from mmgancomp.channels.slicing import copy_of, cut
from mmgancomp.channels.slimmed import Slimmed
from mmgancomp.cli.main import main
from mmgancomp.errors import ConfigError
from mmgancomp.registry import MODELS
from mmgancomp.runtime.building import build_model
from tests.support import cuts, exported, runs, tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture
def plain():
    """The family of models that are built on MMagic's base class."""
    return next(f for f in families.known() if f.name == 'plain')


def undeclare(monkeypatch):
    """From here on nobody declares the groups of any network."""
    for family in families.known():
        monkeypatch.setattr(
            type(family), 'channel_groups', families.Family.channel_groups)


def built(**config):
    with DefaultScope.overwrite_default_scope('mmagic'):
        return MODELS.build(config)


KNOWN = [
    'dcgan_generator',
    'srgan_generator',
    pytest.param('lsgan_discriminator', marks=pytest.mark.slow),
    pytest.param('cyclegan_discriminator', marks=pytest.mark.slow),
    pytest.param('resnet_bn', marks=pytest.mark.slow),
]


@pytest.mark.parametrize('name', KNOWN)
def test_what_is_found_is_what_would_be_declared(name, monkeypatch):
    network, family = cuts.network(name), cuts.family_of(name)
    undeclare(monkeypatch)
    found = find_groups(family, network, 'x')
    assert found.probed and found.left == {}
    plan = cuts.plan(found, 2)
    small = remove(
        kill(network, plan, found), plan, found,
        call=lambda net: cuts.call(family, net))
    # A plan that holds its groups builds the same network.
    document = plan_of(plan, found)
    with DefaultScope.overwrite_default_scope('mmagic'):
        with pytest.raises(ConfigError, match='channel_groups'):
            Slimmed(network=cuts.config(name), plan=document_without(plan))
        fresh = Slimmed(network=cuts.config(name), plan=document)
    fresh.load_state_dict(small.state_dict(), strict=True)
    assert torch.equal(
        cuts.run(family, fresh, False), cuts.run(family, small, False))


def plan_of(kept, groups):
    from mmgancomp.channels import NetworkPlan
    plan = ChannelPlan({'generator': NetworkPlan(kept=kept, probed=groups)})
    return json.loads(json.dumps(plan.document()))


def document_without(kept):
    return plan_of(kept, {})


def test_a_declaration_comes_first(plain):
    network = cuts.network('dcgan_generator')
    found = find_groups(plain, network, 'x')
    assert not found.probed
    assert found == channel_groups(network)


def test_groups_of_a_network_that_was_cut():
    """Offsets move with what goes before them: a U-Net has such."""
    network = cuts.network('unet_in')
    groups, family = channel_groups(network), cuts.family_of('unet_in')
    kept = cuts.plan(groups, 0)
    small = remove(
        kill(network, kept), kept, call=lambda n: cuts.call(family, n))
    after = groups_after(groups, kept)
    assert {n: g.slots for n, g in after.items()} == {
        n: g.slots for n, g in channel_groups(small).items()}
    assert {n: g.width for n, g in after.items()} == {
        n: len(k) for n, k in kept.items()}


class Strange(nn.Module):
    """A generator that nobody knows; a view counts one of its widths."""

    def __init__(self, noise_size: int = 8, width: int = 12) -> None:
        super().__init__()
        self.noise_size, self.width = noise_size, width
        self.first = nn.Linear(noise_size, 16 * width)
        self.body = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.norm = nn.BatchNorm2d(width)
        self.up = nn.ConvTranspose2d(width, 10, 4, 2, 1)
        self.hidden = nn.Conv2d(10, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, noise=None, num_batches=0, return_noise=False,
                label=None, **kwargs):
        if noise is None:
            noise = torch.randn(num_batches, self.noise_size)
        x = self.first(noise).reshape(-1, self.width, 4, 4)
        for layer in self.body:
            x = x + layer(x.relu())
        x = self.up(self.norm(x).relu()).relu()
        x = nn.functional.interpolate(x, scale_factor=4)
        return self.last(self.hidden(x).relu()).tanh()


@pytest.fixture
def strange(tmp_path):
    """A model with that generator, its config and a checkpoint."""
    MODELS.register_module(name='StrangeGenerator', module=Strange,
                           force=True)
    base = tiny.config('dcgan', tmp_path, iterations=2, checkpoint=2)
    path = tmp_path / 'source' / 'strange.py'
    path.write_text(
        f'_base_ = [{str(base.filename)!r}]\n'
        'model = dict(noise_size=8, generator=dict(\n'
        "    _delete_=True, type='mmgancomp.StrangeGenerator'))\n")
    config = Config.fromfile(path)
    yield config, exported.checkpoint(config, tmp_path / 'a.pth')
    MODELS.module_dict.pop('StrangeGenerator')


def prune(capsys, *words, code=0):
    capsys.readouterr()
    assert main(['prune', *words, '--json']) == code
    found = capsys.readouterr()
    if code:
        return found.err.strip().splitlines()[-1]
    return json.loads(found.out[found.out.index('{\n'):])


def test_prune_a_network_that_no_family_declares(strange, tmp_path, capsys):
    config, checkpoint = strange
    found = prune(capsys, config.filename, checkpoint, '--target',
                  'params=0.8', '--multiple', '1', '--out',
                  str(tmp_path / 'slim'))
    cost = found['networks']['generator']
    # The trunk is counted in a view: cut, it could not run.
    assert set(cost['groups']) == {'up', 'hidden'}
    left, = cost['probed']['left_out'].items()
    assert left[0] == 'first' and 'cannot run without channels' in left[1]
    assert cost['params'] <= .8 * cost['params_before']
    assert 0 <= cost['difference_removed'] < 1e-4 < cost['difference_killed']

    path = tmp_path / 'on' / 'source' / 'slim.py'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join([
        *found['config_lines'], f'work_dir = {str(tmp_path / "on")!r}',
        f'experiment_name = {f"strange_{tmp_path.name}"!r}',
        'default_hooks = dict(compression=dict('
        "type='mmgancomp.RunStateHook'))"
    ]))
    slim = Config.fromfile(path)
    runner = runs.train(copy.deepcopy(slim))
    assert sum(p.numel() for p in runner.model.generator.parameters()
               ) == cost['params']
    # Its checkpoint can be pruned again, by groups that are not found anew.
    again = prune(capsys, slim.filename, str(tmp_path / 'on' / 'iter_2.pth'),
                  '--target', 'params=0.9', '--multiple', '1', '--out',
                  str(tmp_path / 'again'))
    once, twice = (ChannelPlan.read(f['plan']).networks['generator']
                   for f in (found, again))
    assert twice.probed == once.probed
    for name, kept in twice.kept.items():
        assert set(kept) <= set(once.kept.get(name, kept))
    last = tmp_path / 'last.py'
    last.write_text('\n'.join(again['config_lines']))
    build_model(Config.fromfile(last)).load_state_dict(
        runs.load(tmp_path / 'again' / 'slim.pth')['state_dict'], strict=True)


@pytest.mark.slow
def test_its_channels_fade_too(strange, tmp_path):
    config, _ = strange
    config.default_hooks = dict(
        channel_kill=dict(
            type='mmgancomp.ChannelKillHook',
            networks=dict(
                generator=dict(target='params=0.8', multiple=1, end='end'))))
    config.work_dir = str(tmp_path / 'fade')
    runs.train(config)
    plan = ChannelPlan.read(tmp_path / 'fade' / 'plan.json')
    kept = plan.networks['generator'].kept
    assert kept and set(kept) <= {'up', 'hidden'}
    slim = runs.load(tmp_path / 'fade' / 'slim.pth')['state_dict']
    fresh = Slimmed(
        network=dict(type='mmgancomp.StrangeGenerator'),
        plan=plan.document())
    fresh.load_state_dict({
        name.removeprefix('generator.'): value
        for name, value in slim.items() if name.startswith('generator.')
    })


def test_it_is_told_to_people(strange, tmp_path, capsys):
    config, checkpoint = strange
    assert main(['prune', config.filename, checkpoint, '--target',
                 'macs=0.8', '--out', str(tmp_path / 'slim')]) == 0
    out = capsys.readouterr().out
    assert 'found by running the network' in out
    assert 'not first: Strange cannot run without' in out


def test_a_width_needs_a_family(strange, tmp_path, capsys):
    config, checkpoint = strange
    said = prune(capsys, config.filename, checkpoint, '--target',
                 'width=0.5', '--out', str(tmp_path / 'slim'), code=2)
    assert "no family has a method 'narrow'" in said


class Grouped(Strange):

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.hidden = nn.Conv2d(10, 8, 3, padding=1, groups=2)


class Overflowing(Strange):

    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs) / 0


class Several(Strange):

    def forward(self, *args, **kwargs):
        return [super().forward(*args, **kwargs)]


@pytest.mark.parametrize('kind,said', [
    (Grouped, 'hidden: a convolution in 2 groups is not in the table'),
    (Overflowing, 'its output is not finite'),
    (Several, 'its forward gives a list, not one tensor'),
])
def test_what_cannot_be_found_is_one_sentence(kind, said, plain):
    with pytest.raises(ConfigError, match=said) as error:
        find_groups(plain, kind(), '--networks')
    message = str(error.value)
    assert message.startswith(f"--networks = '{kind.__name__}'")
    assert "has no method 'channel_groups'" in message
    assert '\n' not in message


FOREIGN = {
    'WGANGPDiscriminator': dict(in_channel=3, in_scale=32),
    'WGANGPGenerator': dict(noise_size=8, out_scale=32),
}


@pytest.mark.slow
@pytest.mark.parametrize('kind', FOREIGN)
def test_wgan_gp(kind, plain):
    torch.manual_seed(0)
    network = built(type=kind, **FOREIGN[kind])
    groups = find_groups(plain, network, 'x')
    plan = cuts.plan(groups, 1)
    dead = kill(network, plan, groups)
    small = remove(dead, plan, groups, call=lambda n: example(plain, n))
    args, kwargs = example(plain, network)
    assert difference(
        outputs(plain, dead, args, kwargs),
        outputs(plain, small, args, kwargs)) < 1e-4
    assert size(small) < size(network)


def size(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize('change,said', [
    (lambda p: p['up'].update(width='3'), 'probed.up'),
    (lambda p: p['up'].pop('slots'), 'probed.up'),
    (lambda p: p['up']['slots'].append(['up.weight']), 'probed.up'),
    (lambda p: p['up']['slots'].append([1, 0, 0, 1, 'use']), 'probed.up'),
    (lambda p: p['up']['slots'].append(['up.weight', 0, -1, 1, 'use']),
     'probed.up'),
    (lambda p: p['up']['slots'].append(['gone.weight', 0, 0, 1, 'use']),
     'probed.up = .gone.weight.0..: Strange has no 10 entries there'),
    (lambda p: p['up']['slots'].append(['up.weight', 1, 5, 1, 'use']),
     'Strange has no 15 entries there'),
    (lambda p: p['up']['counts'].append(['', 'forward']),
     'Strange has no such number'),
])
def test_groups_in_a_plan_are_checked(change, said, plain, strange):
    groups = find_groups(plain, Strange(), 'x')
    document = plan_of({'up': [0, 1]}, groups)
    change(document['networks']['generator']['probed'])
    with pytest.raises(ConfigError, match=said) as error:
        Slimmed(
            network=dict(type='mmgancomp.StrangeGenerator'), plan=document)
    assert '\n' not in str(error.value)


def test_a_network_narrowed_by_a_divisor_is_not_probed(plain):
    from mmgancomp.runtime.structure import note
    network = Strange()
    note(network, {'divisor': 2})
    with pytest.raises(ConfigError, match='prune the network of full width'):
        find_groups(plain, network, 'x')


def test_the_network_given_is_left_as_it_is(plain):
    network = Strange()
    before = copy_of(network).state_dict()
    groups = find_groups(plain, network, 'x')
    assert all(
        torch.equal(value, before[name])
        for name, value in network.state_dict().items())
    assert network.training
    cut(network, groups, {'up': [0]})
    assert network.hidden.in_channels == 1

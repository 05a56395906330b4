"""A lottery ticket of filters ends in a network that is really smaller."""

from __future__ import annotations

import json
import os

import pytest
import torch
from mmengine import Config
from mmengine.hooks import Hook

from mmgancomp.channels import ChannelPlan, channel_groups
from mmgancomp.channels.groups import removed
from mmgancomp.channels.slicing import indices
from mmgancomp.cli.main import main
from mmgancomp.sparsity.ticket import read_ticket
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.fixture(scope='module')
def rounds(tmp_path_factory):
    """Two rounds that prune whole filters of DCGAN's generator."""
    folder = tmp_path_factory.mktemp('rounds')
    imp = dict(type='IMP', fraction=.3)
    runs.train(
        tiny.config(
            'dcgan',
            folder,
            train_cfg=dict(
                _delete_=True,
                type='mmgancomp.LotteryTicketLoop',
                max_iters=2,
                rounds=2),
            default_hooks=dict(
                sparsity=dict(
                    type='mmgancomp.SparsityHook',
                    networks=dict(
                        generator=dict(
                            granularity='filter', schedule=imp))))))
    return folder


def prune(rounds, out, *words, code=0):
    """Cut the weights that all rounds start from; the stock config."""
    stock = tiny.config('dcgan', out / 'stock')
    found = main([
        'prune', stock.filename,
        str(rounds / 'snapshots' / 'theta0.pth'), '--out',
        str(out), '--json', *words
    ])
    assert found == code


class Start(Hook):
    """The weights that a run begins with."""

    priority = 'LOWEST'
    state: dict

    def before_train(self, runner):
        self.state = {
            k: v.clone() for k, v in runner.model.state_dict().items()
        }


def test_a_ticket_of_filters_is_cut_out_and_trained(rounds, tmp_path,
                                                    capsys):
    ticket = rounds / 'round_02' / 'ticket.safetensors'
    prune(rounds, tmp_path, '--target', 'empty', '--ticket', str(ticket))
    out = capsys.readouterr().out
    found = json.loads(out[out.index('{\n'):])
    cost = found['networks']['generator']
    masks = read_ticket(ticket, 'generator').masks
    empty = {
        name: int((~mask.flatten(1).any(1)).sum())
        for name, mask in (  # filters of a transposed convolution: axis 1
            (name, mask.transpose(0, 1)) for name, mask in masks.items())
    }
    groups = cost['groups'].values()
    gone = sum(g['channels'] - g['kept'] for g in groups)
    # All but those of the last layer, whose channels are the image's.
    assert gone == sum(count for name, count in empty.items()
                       if not name.startswith('output_layer')) > 10
    assert cost['params'] < .6 * cost['params_before']

    path = tmp_path / 'on' / 'source' / 'slim.py'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join([
        *found['config_lines'], f'work_dir = {str(tmp_path / "on")!r}',
        f'experiment_name = {f"ticket_{os.getpid()}"!r}',
        'train_cfg = dict(max_iters=2)',
        'default_hooks = dict(checkpoint=dict(interval=2))'
    ]))
    start = Start()
    runner = runs.train(Config.fromfile(path), start)
    small, theta0 = runner.model.generator, runs.load(
        rounds / 'snapshots' / 'theta0.pth')['state_dict']
    assert sum(p.numel() for p in small.parameters()) == cost['params']

    # It began with its slice of the first weights, and has trained.
    whole = tiny.model('dcgan').generator
    kept = ChannelPlan.read(found['plan']).networks['generator'].kept
    sliced = {
        name: theta0[f'generator.{name}'].clone()
        for name in whole.state_dict()
    }
    for group, channels in removed(channel_groups(whole), kept).items():
        for slot in channel_groups(whole)[group].slots:
            own, dead = sliced[slot.tensor], indices(slot, channels)
            left = [i for i in range(own.shape[slot.axis]) if i not in dead]
            sliced[slot.tensor] = own.index_select(slot.axis,
                                                   torch.tensor(left))
    for name, value in sliced.items():
        assert torch.equal(start.state[f'generator.{name}'], value), name
    for name, value in theta0.items():
        if name.startswith('discriminator.'):
            assert torch.equal(start.state[name], value)
    assert not torch.equal(
        dict(small.named_parameters())['noise2feat.conv.weight'],
        sliced['noise2feat.conv.weight'])


@pytest.mark.parametrize('words,said', [
    (['--target', 'macs=0.5'], 'says which filters are empty'),
    (['--target', 'empty', '--networks', 'discriminator'],
     'a ticket of other networks'),
])
def test_tickets_that_say_nothing(words, said, rounds, tmp_path, capsys):
    ticket = rounds / 'round_02' / 'ticket.safetensors'
    prune(rounds, tmp_path, *words, '--ticket', str(ticket), code=2)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('error: --ticket = ') and said in error
    assert not (tmp_path / 'slim.pth').exists()


def test_a_damaged_ticket_is_refused(rounds, tmp_path, capsys):
    whole = (rounds / 'round_02' / 'ticket.safetensors').read_bytes()
    short = tmp_path / 'short.safetensors'
    short.write_bytes(whole[:len(whole) // 2])
    prune(rounds, tmp_path, '--target', 'empty', '--ticket', str(short),
          code=2)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('error: --ticket = ')

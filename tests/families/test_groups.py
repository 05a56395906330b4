"""Who declares channel groups, and what is said where nobody does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmgancomp import families
from mmgancomp.channels import kill, remove
from mmgancomp.errors import MMGanCompError
from mmgancomp.families.groups import GroupTable
from tests.support import cuts, tiny

pytestmark = tiny.STOCK_WARNINGS


@pytest.mark.parametrize('name', cuts.NETWORKS)
def test_declarations_name_tensors_that_exist(name):
    network = cuts.network(name)
    state = network.state_dict()
    for group in families.channel_groups(network).values():
        assert group.slots
        for slot in group.slots:
            size = state[slot.tensor].shape[slot.axis]
            assert slot.offset + slot.block * group.width <= size


def test_no_two_groups_own_the_same_place():
    for name in cuts.NETWORKS:
        owned = set()
        for group in families.channel_groups(cuts.network(name)).values():
            for slot in group.slots:
                place = slot.tensor, slot.axis, slot.offset
                assert place not in owned, (name, group.name, place)
                owned.add(place)


def test_what_is_not_offered_is_named():
    from mmengine import DefaultScope

    from mmgancomp.registry import MODELS
    with DefaultScope.overwrite_default_scope('mmagic'):
        network = MODELS.build(
            dict(type='WGANGPDiscriminator', in_channel=3, in_scale=32))
    with pytest.raises(families.NotOffered, match='WGANGPDiscriminator'):
        families.channel_groups(network)


class Stranger(nn.Module):

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 3, 1)

    def forward(self, x):
        return self.two(self.one(x).relu())


class StrangeFamily(families.Family):
    """What a plugin would bring."""

    name = 'strange'

    def claims(self, model):
        return isinstance(model, Stranger)

    networks = adversarial_loss = None

    def example_call(self, network, batch, generator, size=None):
        return (torch.randn(batch, 3, 4, 4, generator=generator), ), {}

    def channel_groups(self, network):
        if not isinstance(network, Stranger):
            return super().channel_groups(network)
        table = GroupTable(network)
        table.chain(['one', 'two'])
        return table.groups


def test_a_stranger_s_family_is_asked_too(monkeypatch):
    known = [StrangeFamily(), *families.known()]
    monkeypatch.setattr(families, 'known', lambda: known)
    plan = {'one': [2, 5]}
    small = remove(kill(Stranger(), plan), plan)
    assert small.one.out_channels == 2
    assert len(families.channel_groups(cuts.network('dcgan_generator'))) == 3


def test_sizes_that_do_not_fit_are_no_group():
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(12, 3, 1))
    with pytest.raises(MMGanCompError, match="channel group 'x': 1 has 12"):
        GroupTable(network).add('x', make='0', use='1')

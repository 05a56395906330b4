"""The probe finds what the families declare, without knowing them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mmgancomp import families
from mmgancomp.channels import RemovalError, channel_groups, kill, remove
from mmgancomp.channels.probe import probe
from mmgancomp.errors import MMGanCompError
from tests.support import cuts, tiny

pytestmark = tiny.STOCK_WARNINGS

NOT_SEEN = ('.theta', )
"""Queries and keys: every channel of a product depends on all of theirs."""

TIES = {'proj_y': 'decision'}
"""A class's vector is multiplied with the features: it is read by nobody."""

NO_TRUNK = ('biggan_deep', )
"""Shortcuts pass on a part of the trunk, which is left undeclared."""


def places(group):
    return {(s.tensor, s.axis, s.offset, s.block) for s in group.slots}


@pytest.mark.parametrize('name',
                         [n for n in cuts.NETWORKS if n not in NO_TRUNK])
def test_the_probe_finds_exactly_the_declared_groups(name):
    network, family = cuts.network(name), cuts.family_of(name)
    declared = {
        group.name: group
        for group in channel_groups(network).values()
        if not group.name.endswith(NOT_SEEN)
    }
    ties = [pair for pair in TIES.items() if hasattr(network, pair[0])]
    found = probe(network, lambda n: cuts.call(family, n), ties)
    by_places = {frozenset(places(g)): g for g in found.values()}
    assert len(found) == len(declared)
    for group in declared.values():
        twin = by_places.get(frozenset(places(group)))
        assert twin is not None, f'declared, but not as it was found: {group}'
        assert (twin.width, twin.mean) == (group.width, group.mean)
        # What has no weights, as a view or an edge of zeros, is not seen.
        assert set(twin.counts) == {
            pair for pair in group.counts if pair[0] and pair[1] != 'outside'
        }


def test_a_forgotten_layer_would_be_seen():
    network = cuts.network('srgan_generator')
    family = cuts.family_of('srgan_generator')
    groups = channel_groups(network)
    trunk = groups['conv_first']
    left = [s for s in trunk.slots if 'trunk_net.0.conv2' not in s.tensor]
    forgotten = replace(trunk, slots=tuple(left))
    found = probe(network, lambda n: cuts.call(family, n))
    assert frozenset(places(trunk)) in {
        frozenset(places(g)) for g in found.values()
    }
    assert frozenset(places(forgotten)) not in {
        frozenset(places(g)) for g in found.values()
    }


class Stranger(nn.Module):
    """Two branches side by side, a sum, and a map that is flattened."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.left = nn.Conv2d(6, 5, 3, padding=1)
        self.right = nn.Conv2d(6, 4, 3, padding=1)
        self.join = nn.Conv2d(9, 6, 1)
        self.out = nn.Linear(6 * 16, 2)

    def forward(self, x):
        x = self.stem(x).relu()
        both = torch.cat([self.left(x), self.right(x)], 1)
        x = x + self.join(both.relu())
        return self.out(x.flatten(1))


def images(network):
    return (torch.randn(2, 3, 4, 4, generator=torch.Generator()), ), {}


def test_a_network_that_no_family_knows():
    network = Stranger()
    with pytest.raises(families.NotOffered):
        channel_groups(network)
    groups = probe(network, images)
    assert {g.name: g.width for g in groups.values()} == {
        'stem': 6,
        'left': 5,
        'right': 4
    }
    assert {s.tensor for s in groups['stem'].slots} >= {
        'stem.weight', 'join.weight', 'left.weight', 'right.weight',
        'out.weight'
    }
    plan = {'stem': [0, 4], 'left': [1, 2], 'right': [3]}
    small = remove(
        kill(network, plan, groups), plan, groups, call=images)
    assert small.join.weight.shape == (2, 3, 1, 1)
    assert small.out.weight.shape == (2, 32)
    with pytest.raises(RemovalError):
        remove(network, plan, groups, call=images)


class Grouped(nn.Module):

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 1, groups=3),
            nn.Conv2d(6, 2, 1))

    def forward(self, x):
        return self.model(x)


def test_layers_that_are_not_in_the_table_are_refused():
    with pytest.raises(families.NotOffered, match='in 3 groups'):
        probe(Grouped(), images)


def test_a_network_must_be_finite():
    network = Stranger()
    nn.init.constant_(network.stem.bias, float('inf'))
    with pytest.raises(MMGanCompError, match='not finite to begin with'):
        probe(network, images)

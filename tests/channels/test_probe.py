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

GENERATORS = ('biggan_torch_generator', 'biggan_ajbrock_generator')
ATTENTION = tuple(
    n for n in cuts.NETWORKS
    if n.startswith(('sagan', 'biggan_torch', 'biggan_ajbrock')))
PROJECTING = tuple(
    n for n in cuts.NETWORKS if n.endswith('_discriminator')
    and n.startswith(('biggan', 'sagan', 'sngan')))

EXCEPTIONS = {
    'W space': ('stylegan2_generator', ),
    'shared embedding': GENERATORS,
    'queries and keys': ATTENTION,
    'projection': PROJECTING,
}
"""What probe and declarations do not agree about without more ado.

The W space and the shared embedding are found like any group, but rankings
leave them whole. Of a product of two activations every channel depends on
all of theirs: queries and keys are not seen, and the class vector of a
projection, which features are multiplied with, only where it is tied.
"""

NO_TRUNK = ('biggan_deep', )
"""Shortcuts pass on a part of the trunk, which is left undeclared."""


def places(group):
    return {(s.tensor, s.axis, s.offset, s.block) for s in group.slots}


def kind_of(group):
    """Which of the exceptions a declared group is, if any."""
    if group.attention:
        return 'queries and keys'
    if group.optional:
        return ('W space' if group.name.startswith('style_mapping') else
                'shared embedding')
    if any(s.tensor.startswith('proj_y.') for s in group.slots):
        return 'projection'
    return ''


@pytest.mark.parametrize('name', cuts.NETWORKS)
def test_the_exceptions_are_these(name):
    found = {kind_of(g) for g in channel_groups(cuts.network(name)).values()}
    assert found - {''} == {
        kind for kind, networks in EXCEPTIONS.items() if name in networks
    }


@pytest.mark.parametrize('name',
                         [n for n in cuts.NETWORKS if n not in NO_TRUNK])
def test_the_probe_finds_exactly_the_declared_groups(name):
    network, family = cuts.network(name), cuts.family_of(name)
    declared = {
        group.name: group
        for group in channel_groups(network).values()
        if kind_of(group) != 'queries and keys'
    }
    ties = [('proj_y', 'decision')] if name in PROJECTING else []
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


@pytest.mark.slow
def test_inside_of_biggan_deep_s_blocks_they_agree():
    name, = NO_TRUNK
    network, family = cuts.network(name), cuts.family_of(name)
    found = {
        frozenset(places(g))
        for g in probe(network, lambda n: cuts.call(family, n)).values()
    }
    hidden = [
        frozenset(places(g)) for g in channel_groups(network).values()
        if kind_of(g) != 'queries and keys'
    ]
    assert hidden and found >= set(hidden)


def test_without_the_tie_the_class_vector_is_not_seen():
    name = PROJECTING[0]
    network, family = cuts.network(name), cuts.family_of(name)
    for tied in (True, False):
        ties = [('proj_y', 'decision')] if tied else []
        found = probe(network, lambda n: cuts.call(family, n), ties)
        assert tied == any(
            slot.tensor.startswith('proj_y.') for group in found.values()
            for slot in group.slots)


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

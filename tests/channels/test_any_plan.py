"""Any legal plan gives a network that runs, learns, copies and comes back.

In every family, of generators and discriminators, for plans that are drawn
at random; a plan with a fault is refused with the name of its group.
"""

from __future__ import annotations

import copy
import io
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine import DefaultScope

from mmgancomp.channels import (
    ChannelPlan,
    NetworkPlan,
    channel_groups,
    kill,
    remove,
)
from mmgancomp.channels.slicing import copy_of, cut
from mmgancomp.channels.slimmed import Slimmed
from mmgancomp.errors import ConfigError
from tests.support import cuts, plans, tiny

pytestmark = tiny.STOCK_WARNINGS

ROLE = 'generator'
"""What the plans call it; a plan holds for either kind of network."""


def slimmed(name, plan):
    """From the config and the plan, as a user's config has it."""
    with DefaultScope.overwrite_default_scope('mmagic'):
        return Slimmed(network=cuts.config(name), plan=plan)


def document(kept):
    return ChannelPlan({ROLE: NetworkPlan(kept=kept)}).document()


def check_any_legal_plan(name, data, folder):
    family, kind = cuts.family_of(name), cuts.precision(name)
    network = cuts.network(name, kind)
    plan = data.draw(plans.legal(channel_groups(network)))
    # In single precision an unlucky draw amplifies rounding.
    allowed = 1e-3 if name in cuts.SINGLE else cuts.tolerance(name)
    small = cuts.remove_checked(
        name, kill(network, plan), plan, tolerance=allowed)
    copied = copy.deepcopy(small)
    out = cuts.run(family, small, False)
    assert torch.equal(out, cuts.run(family, copied, False))

    file = folder / 'plan.json'
    ChannelPlan({ROLE: NetworkPlan(kept=plan)}).write(file)
    written = io.BytesIO()
    torch.save(small.state_dict(), written)
    written.seek(0)
    fresh = slimmed(name, str(file)).to(kind)
    fresh.load_state_dict(
        torch.load(written, weights_only=True), strict=True)
    assert list(fresh.state_dict()) == list(network.state_dict())
    assert [p.requires_grad for p in fresh.parameters()
            ] == [p.requires_grad for p in network.parameters()]
    for module in fresh.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.  # as in what it is compared with
    before = copy.deepcopy(fresh)
    assert torch.equal(out, cuts.run(family, fresh, False))

    optimizer = torch.optim.Adam(fresh.parameters(), lr=1e-4)
    cuts.gradients(family, fresh)
    optimizer.step()
    moved = [
        not torch.equal(a, b)
        for a, b in zip(before.parameters(), fresh.parameters())
    ]
    # One channel each may meet ReLUs that are all shut: nothing to learn.
    learns = any(w.grad is not None and w.grad.any()
                 for w in fresh.parameters())
    assert any(moved) == bool(learns)
    assert all(torch.isfinite(w).all() for w in fresh.parameters())
    # From here on torch refuses to copy what norms have computed.
    assert torch.equal(
        cuts.run(family, copy_of(fresh), False),
        cuts.run(family, fresh, False))


@pytest.mark.parametrize('name', cuts.NETWORKS)
@plans.examples(1)
@given(data=st.data())
def test_any_legal_plan(name, data, tmp_path_factory):
    check_any_legal_plan(name, data, tmp_path_factory.mktemp('plan'))


@pytest.mark.slow
@pytest.mark.parametrize('name', cuts.NETWORKS)
@plans.examples(30)
@given(data=st.data())
def test_many_legal_plans(name, data, tmp_path_factory):
    check_any_legal_plan(name, data, tmp_path_factory.mktemp('plan'))


@pytest.mark.parametrize('name', cuts.NETWORKS)
@plans.examples(12)
@given(data=st.data())
def test_any_illegal_plan_is_refused_with_the_layer_s_name(name, data):
    network = cuts.network(name)
    groups = channel_groups(network)
    plan, layer = data.draw(plans.illegal(groups))
    for act in (kill, remove):
        with pytest.raises(ConfigError) as error:
            act(network, plan)
        message = str(error.value)
        assert message.startswith(f'plan.{layer} = ')
        assert '\n' not in message


@pytest.mark.parametrize('name', [
    'stylegan2_generator', 'biggan_torch_generator', 'dcgan_discriminator',
    'unet_in'
])
@plans.examples(2)
@given(data=st.data())
def test_the_builder_refuses_it_too(name, data):
    plan, layer = data.draw(
        plans.illegal(channel_groups(cuts.network(name))))
    plan = json.loads(json.dumps(plan))
    with pytest.raises(ConfigError) as error:
        slimmed(name, {'schema': 1, 'networks': {ROLE: plan}})
    assert f'.{layer} = ' in str(error.value)
    assert '\n' not in str(error.value)


def test_a_fresh_network_is_drawn_for_its_width():
    """No rescaling: an equalised weight has unit variance in any width."""
    network = cuts.network('stylegan2_generator')
    with torch.no_grad():
        network.convs[0].conv.weight_orig.fill_(1.)
    cut(network, channel_groups(network), {'conv1': [0, 1]},
        same_function=False)
    assert (network.convs[0].conv.weight_orig == 1).all()


@pytest.mark.parametrize('entry,said', [
    ({'noise2feet': [0]}, "plan.noise2feet = .*did you mean 'noise2feat'"),
    ({'noise2feat': [99]}, 'plan.noise2feat = 99: the group has the channels '
     '0 to 31'),
    ({'noise2feat': []}, 'a group cannot be emptied'),
    ({'noise2feat': [0], 'divisor': 2}, 'beside a divisor there are no'),
    ({'noise2feat': 'all'}, 'list of whole numbers'),
    ({'noise2feat': [True]}, 'list of whole numbers'),
])
def test_illegal_plans_are_one_sentence(entry, said):
    with pytest.raises(ConfigError, match=said) as error:
        slimmed('dcgan_generator',
                {'schema': 1, 'networks': {ROLE: entry}})
    assert '\n' not in str(error.value)


def test_truncated_plans_are_refused(tmp_path):
    file = tmp_path / 'plan.json'
    plan = ChannelPlan({ROLE: NetworkPlan(kept={'noise2feat': [0, 1]})})
    plan.write(file)
    assert json.loads(file.read_text()) == document({'noise2feat': [0, 1]})
    assert ChannelPlan.read(file) == plan
    file.write_text(file.read_text()[:30])
    with pytest.raises(ConfigError, match='is not valid JSON'):
        ChannelPlan.read(file)

from __future__ import annotations

import json

import pytest

from mmgancomp.channels import ChannelPlan, NetworkPlan
from mmgancomp.errors import ConfigError


def test_a_plan_is_json_and_comes_back(tmp_path):
    plan = ChannelPlan({
        'generator': NetworkPlan(divisor=2),
        'discriminator': NetworkPlan()
    })
    plan.write(tmp_path / 'plan.json')
    assert json.loads((tmp_path / 'plan.json').read_text()) == {
        'schema': 1,
        'networks': {
            'generator': {
                'divisor': 2
            },
            'discriminator': {
                'divisor': 1
            }
        }
    }
    assert ChannelPlan.read(tmp_path / 'plan.json') == plan


@pytest.mark.parametrize('document,said', [
    ([], r'plan = \[\]: write {"schema": 1, "networks"'),
    ({'schema': 1}, 'plan = .*: write'),
    ({'schema': 2, 'networks': {}}, 'plan.schema = 2: this release reads 1'),
    ({'networks': {'generator': {}}}, 'plan.schema = None'),
    ({'schema': 1, 'networks': {}}, 'plan.networks = {}: say what'),
    ({'schema': 1, 'networks': {'generator': 2}},
     r'plan.networks.generator = 2: write a dict'),
    ({'schema': 1, 'networks': {'generator': {'divisr': 2}}},
     r"plan.networks.generator.divisr = 2: .* did you mean 'divisor'"),
    ({'schema': 1, 'networks': {'generator': {'divisor': 0}}},
     'plan.networks.generator.divisor = 0: write a whole number'),
    ({'schema': 1, 'networks': {'generator': {}}, 'netwoks': {}},
     "plan.netwoks = {}: .* did you mean 'networks'"),
])
def test_wrong_plans_say_what_is_wrong(document, said):
    with pytest.raises(ConfigError, match=said) as error:
        ChannelPlan.of(document)
    assert '\n' not in str(error.value)


def test_files_that_are_no_plans(tmp_path):
    with pytest.raises(ConfigError, match='cannot be read: No such file'):
        ChannelPlan.read(tmp_path / 'gone.json')
    (tmp_path / 'broken.json').write_text('{"schema": 1')
    with pytest.raises(ConfigError, match='is not valid JSON'):
        ChannelPlan.read(tmp_path / 'broken.json')

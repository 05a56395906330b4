"""Another adversarial loss, by one entry of a config."""

from __future__ import annotations

import pytest
import torch
from mmengine.hooks import Hook

from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS


def config(family, folder, **options):
    return tiny.config(family, folder, iterations=4, default_hooks=dict(
        adversarial=dict(type='mmgancomp.AdversarialLossHook', **options)))


class Logged(Hook):
    """The terms that a run logs."""

    def __init__(self):
        self.terms = []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self.terms.append({k: float(v.detach()) for k, v in outputs.items()
                           if k.startswith('loss_')})


def test_a_run_trains_with_it(tmp_path):
    other, stock = Logged(), Logged()
    runner = runs.train(
        config('sngan_proj', tmp_path / 'bce', loss='bce'), other)
    plain = runs.train(
        tiny.config('sngan_proj', tmp_path / 'stock', iterations=4), stock)
    # The same scores in the first step, another loss of them.
    assert other.terms[0].keys() == stock.terms[0].keys()
    assert other.terms[0] != stock.terms[0]
    # −log σ is never negative; the hinge loss of the generator is.
    assert all(v > 0 for row in other.terms for v in row.values())
    assert any(v < 0 for row in stock.terms for v in row.values())
    state = plain.model.state_dict()
    assert runner.model.state_dict().keys() == state.keys()
    assert any(not torch.equal(value, state[key])
               for key, value in runner.model.state_dict().items())


def test_the_plan_says_so(tmp_path):
    row, = plan(config('biggan', tmp_path, loss='bce'))['mechanisms']
    assert row == dict(mechanism='adversarial', loss='bce', stock='hinge')


@pytest.mark.parametrize('family, options, match', [
    ('biggan', dict(loss='bec'), "adversarial.loss = 'bec'.*did you mean"),
    ('biggan', {}, 'adversarial.loss = None'),
    ('biggan', dict(los='bce'), "adversarial.los = 'bce'.*loss"),
    ('stylegan2', dict(loss='bce'), 'has its loss in its own config'),
])
def test_a_wrong_entry_is_named(family, options, match, tmp_path):
    with pytest.raises(ConfigError, match=match):
        plan(config(family, tmp_path, **options))

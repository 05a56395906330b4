"""Stages: weights, resets and the guard at the right update of a real run."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS

from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.record import read_record
from mmgancomp.runtime.stages import StageHook
from tests.support import runs, tiny
from tests.support.toy import ToyHook

pytestmark = tiny.STOCK_WARNINGS


def _config(work_dir, *stages, iterations=8, **overrides: Any):
    """In each iteration of this config the generator is updated once."""
    return tiny.config(
        'dcgan',
        work_dir,
        iterations=iterations,
        checkpoint=1,
        default_hooks=dict(
            toy=dict(type='mmgancomp.ToyHook', momentum=.5),
            stages=dict(type='mmgancomp.StageHook', stages=list(stages))),
        **overrides)


def _hook(runner, kind: type[CompressionHook]):
    return next(h for h in runner.hooks if isinstance(h, kind))


def _weight(value):
    return dict(toy=value)


def test_weights_change_after_the_update_that_ends_a_stage(tmp_path):
    runner = runs.train(
        _config(tmp_path, dict(until=3, weights=_weight(0.)),
                dict(until=.75, weights=_weight(.5)),
                dict(weights=_weight(.25))))
    assert _hook(runner, ToyHook).weights == [0.] * 3 + [.5] * 3 + [.25] * 2


def test_a_term_that_a_stage_leaves_out_keeps_its_weight(tmp_path):
    stages = [dict(until=2, weights=_weight(.5)), {}]
    whole = runs.train(_config(tmp_path / 'whole', *stages, iterations=6))
    assert _hook(whole, ToyHook).weights == [.5] * 6
    again = runs.train(
        runs.resume_from(
            _config(tmp_path / 'again', *stages, iterations=6),
            tmp_path / 'whole', 4))
    assert _hook(again, ToyHook).weights == [.5] * 2


def _moments(runner):
    wrappers = list(runner.optim_wrapper.values())
    wrappers.append(_hook(runner, ToyHook).companion)
    return [len(w.optimizer.state) for w in wrappers]


def test_a_reset_empties_all_optimizers_in_place(tmp_path):
    seen = []

    class Look(CompressionHook):
        """Counts calls of what was attached before the first reset."""

        key = 'look'

        def prepare(self, context):
            pass

        def attach(self, state):
            self._state, self.steps, self.before = state, 0, []
            optimizer = state.updates('generator').wrapper.optimizer
            self.optimizer = optimizer
            optimizer.register_step_post_hook(self._count)

        def _count(self, *_):
            self.steps += 1

        def begin(self, state):
            pass

        def describe(self):
            return []

        def after_train_iter(self, runner, *args, **kwargs):
            seen.append(_moments(runner))

    look = Look()
    runner = runs.train(
        _config(tmp_path, dict(until=3), dict(reset_optimizers=True),
                iterations=5), look)
    toy = _hook(runner, ToyHook)
    # Update 3 is the last of stage 1: its end leaves nothing behind.
    assert [min(counts) > 0 for counts in seen] == [
        True, True, False, True, True]
    assert seen[2] == [0, 0, 0]
    assert toy.empty == [True, False, False, True, False]
    assert look.steps == 5
    assert look.optimizer is runner.optim_wrapper['generator'].optimizer
    # The companion still follows.
    assert toy.lives == [.5, 0., -.25, -.125, 0.]


def test_the_first_stage_may_reset_what_a_checkpoint_brought(tmp_path):
    runner = runs.train(
        _config(tmp_path, dict(reset_optimizers=True), iterations=2))
    assert _hook(runner, ToyHook).empty == [True, False]


@pytest.mark.parametrize('killed', [2, 3, 4, 6])
def test_a_killed_run_goes_on_bit_for_bit(tmp_path_factory, killed):
    stages = [
        dict(until=3, weights=_weight(.5)),
        dict(until=5, weights=_weight(.1), reset_optimizers=True), {}
    ]
    base = tmp_path_factory.getbasetemp() / 'stages-whole'
    if not base.exists():
        runs.train(_config(base, *stages))
    folder = tmp_path_factory.mktemp('killed')
    runs.train(runs.resume_from(_config(folder, *stages), base, killed))
    assert not runs.differences(
        *(runs.training_state(runs.load(f / 'iter_8.pth'))
          for f in (base, folder)))


# -- the guard -----------------------------------------------------------


@METRICS.register_module(force=True)
class Scripted(BaseMetric):
    """Gives the value that the config says for each iteration."""

    default_prefix = 'toy'

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = [float(value) for value in values]

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        from mmengine.logging import MessageHub
        hub = MessageHub.get_current_instance()
        return dict(fid=self.values[hub.get_info('iter')])


def _guarded(work_dir, values, patience=1, iterations=6):
    config = _config(
        work_dir,
        dict(stop=dict(metric='toy/fid', factor=2., patience=patience)),
        iterations=iterations,
        train_cfg=dict(val_interval=1, val_begin=1),
        val_cfg=dict(_delete_=True, type='mmengine.ValLoop'),
        val_evaluator=dict(
            _delete_=True,
            type='mmengine.Evaluator',
            metrics=dict(type='mmengine.Scripted', values=values)))
    config.val_dataloader = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
        dataset=dict(config.train_dataloader.dataset, indices=4))
    return config


def test_a_diverging_run_stops_and_says_why(tmp_path):
    runner = runs.train(_guarded(tmp_path, [9., 10., 30., 1., 1., 1.]))
    assert runner.iter == 3
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert ('Training stops: toy/fid is 30, its best was 9 (factor 2, '
            '1 validations in a row)') in log
    record = read_record(tmp_path)
    assert record['models'][0]['metrics'] == {'toy/fid': 30.}
    assert record['run']['updates']['generator'] == 3


def test_a_metric_that_is_no_number_stops_without_breaking_the_record(
        tmp_path):
    runner = runs.train(_guarded(tmp_path, [9., 'nan']))
    assert runner.iter == 2
    assert read_record(tmp_path)['models'][0]['metrics'] == {}


def test_the_guard_remembers_across_a_kill(tmp_path):
    values = [9., 10., 30., 30., 30., 1.]
    whole = runs.train(_guarded(tmp_path / 'whole', values, patience=3))
    assert whole.iter == 5
    again = runs.train(
        runs.resume_from(
            _guarded(tmp_path / 'again', values, patience=2),
            tmp_path / 'whole', 3))
    # Without the best of 9 from before the kill, 30 would be its best.
    assert again.iter == 5
    guard = _hook(again, StageHook)._stages[0].guard
    assert guard.state_dict()['best'] == 9.

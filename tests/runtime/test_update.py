"""The order of one update, arrow by arrow, on real optimizer wrappers."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmgancomp.runtime.update import OptimizerUpdates, Phase
from mmgancomp.sparsity import MaskedNetwork
from tests.support.half import HalfOptimWrapper


def wrapper(layer, kind=OptimWrapper, **options):
    return kind(optimizer=torch.optim.SGD(layer.parameters(), lr=.1),
                **options)


def test_phases_run_in_order_whatever_the_order_of_registration():
    layer, seen = nn.Conv2d(1, 2, 1), []
    updates = OptimizerUpdates(wrapper(layer))
    for phase in reversed(Phase):
        updates.on_update(phase, lambda clock, p=phase: seen.append((p, clock)
                                                                    ))
    updates.on_gradient(lambda: seen.append('gradient'))
    for _ in range(2):
        updates.wrapper.update_params(layer.weight.sum())
    one = ['gradient'] + [(p, 1) for p in Phase]
    assert seen == one + ['gradient'] + [(p, 2) for p in Phase]
    assert updates.clock == 2


def test_the_weights_are_stepped_between_gradient_and_callbacks():
    layer, seen = nn.Conv2d(1, 1, 1, bias=False), []
    updates = OptimizerUpdates(wrapper(layer))
    updates.on_gradient(lambda: seen.append(layer.weight.item()))
    updates.on_update(Phase.COMPANIONS,
                      lambda _: seen.append(layer.weight.item()))
    # The gradient is still there: growth needs it.
    updates.on_update(Phase.DECIDE, lambda _: seen.append(layer.weight.grad))
    updates.wrapper.update_params(layer.weight.sum())
    assert seen[1] == pytest.approx(seen[0] - .1)
    assert seen[2] is not None


@pytest.mark.parametrize('kind', [OptimWrapper, HalfOptimWrapper])
def test_clipping_sees_the_gradient_of_kept_weights_only(kind):
    layer = nn.Conv2d(2, 1, 1, bias=False)
    masked = MaskedNetwork(layer)
    masked.set_masks({'weight': torch.tensor([1, 0]).view(1, 2, 1, 1)})
    before = layer.weight.detach().clone()
    options = dict(overflow=()) if kind is HalfOptimWrapper else {}
    updates = OptimizerUpdates(
        wrapper(layer, kind, clip_grad=dict(max_norm=1.), **options))
    updates.on_gradient(masked.mask_gradients_)
    # Gradient (3, 400): its kept part has norm 3, clipped to 1.
    scale = torch.tensor([3., 400.]).view(1, 2, 1, 1)
    updates.wrapper.update_params((layer.weight * scale).sum())
    moved = (before - layer.weight.detach()).flatten()
    assert moved.tolist() == pytest.approx([.1, 0.], abs=1e-6)


def test_gradients_are_masked_once_per_step_with_and_without_clipping():
    for clip in (None, dict(max_norm=1.)):
        layer, calls = nn.Conv2d(1, 1, 1), []
        updates = OptimizerUpdates(wrapper(layer, clip_grad=clip))
        updates.on_gradient(lambda calls=calls: calls.append(1))
        for _ in range(3):
            updates.wrapper.update_params(layer.weight.sum())
        assert len(calls) == 3


def test_a_skipped_step_runs_nothing_after_and_is_not_counted():
    layer, seen = nn.Conv2d(1, 1, 1, bias=False), []
    updates = OptimizerUpdates(
        wrapper(layer, HalfOptimWrapper, overflow=(2, )))
    for phase in Phase:
        updates.on_update(phase, seen.append)
    values = []
    for _ in range(3):
        updates.wrapper.update_params(layer.weight.sum())
        values.append(layer.weight.item())
    assert values[1] == values[0]
    assert updates.clock == 2
    assert seen == [1] * len(Phase) + [2] * len(Phase)


def test_accumulation_counts_updates_not_iterations():
    layer = nn.Conv2d(1, 1, 1)
    updates = OptimizerUpdates(wrapper(layer, accumulative_counts=3))
    for _ in range(7):
        updates.wrapper.update_params(layer.weight.sum())
    assert updates.clock == 2


def test_callbacks_survive_a_load_of_the_optimizer():
    layer = nn.Conv2d(1, 1, 1)
    updates = OptimizerUpdates(wrapper(layer))
    updates.wrapper.load_state_dict(updates.wrapper.state_dict())
    updates.wrapper.update_params(layer.weight.sum())
    assert updates.clock == 1

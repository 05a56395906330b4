"""The hook's own business: who is pruned, by which options, how far."""

import pytest

from mmgancomp import families
from mmgancomp.sparsity import MaskedNetwork
from tests.support import half, runs, tiny  # noqa: F401

pytestmark = tiny.STOCK_WARNINGS


def trained(family, folder, networks, **options):
    hook = dict(type='mmgancomp.SparsityHook', networks=networks)
    watch = runs.Watch()
    runner = runs.train(
        tiny.config(
            family, folder, default_hooks=dict(sparsity=hook), **options),
        watch)
    assert watch.violations == []
    model = families.base.bare(runner.model)
    return {
        name: MaskedNetwork.of(network.module)
        for name, network in families.of(model).networks(model).items()
    }


def test_an_exact_name_beats_the_role_and_keys_merge(tmp_path):
    masks = trained(
        'cyclegan', tmp_path, {
            'generator': dict(density=.5, granularity='kernel'),
            'generators.photo': dict(density=.25)
        })
    assert masks['discriminators.photo'] is None
    photo, mask = masks['generators.photo'], masks['generators.mask']
    assert photo.granularity.name == mask.granularity.name == 'kernel'
    assert photo.density == pytest.approx(.25, abs=.01)
    assert mask.density == pytest.approx(.5, abs=.01)


def test_a_linear_layer_is_masked_when_named(tmp_path):
    masks = trained(
        'sngan_proj', tmp_path, {
            'generator': dict(
                density=.5,
                layers=dict(
                    include=['*', 'noise2feat.weight'],
                    exclude=['to_rgb.*']))
        })
    names = list(masks['generator'].masks)
    assert names[0] == 'noise2feat.weight'
    assert not any(name.startswith('to_rgb') for name in names)
    assert len(names) > 5


def test_the_final_density_is_reached_although_steps_overflowed(tmp_path):
    networks = {
        'generator': dict(
            density=.25, schedule=dict(type='AGP', interval=1, end='end'))
    }
    wrappers = {
        key: dict(type='HalfOptimWrapper', overflow=[2, 5])
        for key in ('generator', 'discriminator')
    }
    masks = trained('dcgan', tmp_path, networks, optim_wrapper=wrappers)
    state = runs.load(tmp_path / 'iter_8.pth')
    assert state['mmgancomp']['clocks']['generator'] == 6
    layers = len(masks['generator'].masks)
    assert abs(masks['generator'].survivors -
               masks['generator'].maskable / 4) <= layers
    history = state['mmgancomp']['sparsity']['generator']['schedule'][
        'history']
    assert [update for update, _ in history] == [0, 1, 2, 3, 4, 5, 6, 8]


def test_ranking_by_the_ema_copy(tmp_path):
    masks = trained(
        'biggan', tmp_path, {
            'generator': dict(
                density=.5,
                score_source='ema',
                schedule=dict(type='OneShot', begin=3))
        })
    assert masks['generator'].survivors == round(
        masks['generator'].maskable / 2)


def test_an_optimizer_that_adds_noise_revives_nothing(tmp_path):
    import torch
    from mmengine.registry import OPTIMIZERS

    @OPTIMIZERS.register_module(force=True)
    class NoisySGD(torch.optim.SGD):

        @torch.no_grad()
        def step(self, closure=None):
            super().step(closure)
            for group in self.param_groups:
                for parameter in group['params']:
                    parameter.add_(1e-3)

    wrappers = {
        key: dict(optimizer=dict(_delete_=True, type='NoisySGD', lr=1e-3))
        for key in ('generator', 'discriminator')
    }
    masks = trained(
        'dcgan', tmp_path, {'generator': dict(density=.25)},
        optim_wrapper=wrappers)
    for name, weight in masks['generator'].weights.items():
        assert torch.equal(weight != 0, masks['generator'].masks[name])


def test_a_dotted_name_merges_with_the_nested_one(tmp_path):
    """`--cfg-options` reaches into a name with a dot by nesting."""
    masks = trained(
        'cyclegan', tmp_path, {
            'generators.photo': dict(
                density=.5, schedule=dict(type='AGP', interval=1)),
            'generators': dict(photo=dict(density=.25))
        })
    assert masks['generators.photo'].density == pytest.approx(.25, abs=.01)
    state = runs.load(tmp_path / 'iter_8.pth')['mmgancomp']['settings']
    found = state['sparsity']['networks']['generators.photo']
    assert found['schedule']['type'] == 'AGP'

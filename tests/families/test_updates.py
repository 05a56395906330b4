"""Numbers of optimizer steps, counted while the stock models train."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from mmengine import MessageHub
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmgancomp import families, registry  # noqa: F401, for its repairs
from mmgancomp.errors import ConfigError
from mmgancomp.families import NotOffered
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS

ITERATIONS = 7  # no multiple of any period below


class Counter:
    """Steps of every optimizer, by the hook that masks use."""

    def __init__(self, wrappers: OptimWrapperDict) -> None:
        self.steps = dict.fromkeys(wrappers.keys(), 0)
        for key, wrapper in wrappers.items():
            wrapper.optimizer.register_step_post_hook(self._hook(key))

    def _hook(self, key: str):

        def hook(*_) -> None:
            self.steps[key] += 1

        return hook


@pytest.fixture(scope='module')
def batch(tmp_path_factory):
    """One real batch per family."""
    found = {}

    def get(name: str) -> dict:
        if name not in found:
            from mmagic.registry import DATASETS
            config = tiny.config(name, tmp_path_factory.mktemp(name))
            with DefaultScope.overwrite_default_scope('mmagic'):
                dataset = DATASETS.build(config.train_dataloader.dataset)
            found[name] = pseudo_collate([dataset[0], dataset[1]])
        return found[name]

    return get


def check(name: str, batch, settings: dict, accumulation: dict) -> None:
    """After every iteration the family's number must be the counted one."""
    model = tiny.model(name, **settings)
    family = families.of(model)
    wrappers = OptimWrapperDict(
        **{
            key: OptimWrapper(
                torch.optim.SGD(getattr(model, key).parameters(), lr=1e-4),
                accumulative_counts=accumulation.get(key, 1))
            for key in dict.fromkeys(
                network.optimizer
                for network in family.networks(model).values())
        })
    counter = Counter(wrappers)
    hub = MessageHub.get_instance('test')
    for iteration in range(ITERATIONS):
        hub.update_info('iter', iteration)
        model.train_step(batch(name), wrappers)
        expected = {
            key: family.updates(model, key, iteration + 1, accumulation)
            for key in counter.steps
        }
        assert counter.steps == expected, (iteration, settings, accumulation)
    assert all(
        family.updates(model, key, 0, accumulation) == 0
        for key in counter.steps)


@pytest.mark.parametrize('accumulation', [
    dict(zip(('generator', 'discriminator'), counts))
    for counts in product((1, 2), repeat=2)
])
@pytest.mark.parametrize('name, generator_steps, discriminator_steps', [
    *(('dcgan', *steps) for steps in product((1, 2), repeat=2)),
    ('stylegan2', 1, 2),
    ('stylegan2', 2, 1),
    ('biggan', 1, 2),
])
def test_base_gan_families(name, generator_steps, discriminator_steps,
                           accumulation, batch):
    check(
        name, batch,
        dict(
            generator_steps=generator_steps,
            discriminator_steps=discriminator_steps), accumulation)


@pytest.mark.parametrize('accumulation', [
    dict(zip(('generators', 'discriminators'), counts))
    for counts in product((1, 2), repeat=2)
])
@pytest.mark.parametrize('name, discriminator_steps, disc_init_steps', [
    *(('pix2pix', *steps) for steps in product((1, 2), (0, 1, 3))),
    ('pix2pix', 1, 100),
    ('cyclegan', 1, 3),
    ('cyclegan', 2, 0),
])
def test_translation_families(name, discriminator_steps, disc_init_steps,
                              accumulation, batch):
    check(
        name, batch,
        dict(
            discriminator_steps=discriminator_steps,
            disc_init_steps=disc_init_steps), accumulation)


@pytest.mark.parametrize('name', ['sngan_proj', 'pix2pix'])
def test_a_whole_run(name, tmp_path):
    """Also in a Runner the last, incomplete accumulation is not stepped."""
    keys = (('generators', 'discriminators')
            if name == 'pix2pix' else ('generator', 'discriminator'))
    accumulation = dict(zip(keys, (1, 2)))
    config = tiny.config(
        name,
        tmp_path,
        iterations=ITERATIONS,
        log_level='ERROR',
        optim_wrapper={
            key: dict(accumulative_counts=count)
            for key, count in accumulation.items()
        })
    runner = Runner.from_cfg(config)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    counter = Counter(runner.optim_wrapper)
    runner.train()
    family = families.of(runner.model)
    assert counter.steps == {
        key: family.updates(runner.model, key, ITERATIONS, accumulation)
        for key in keys
    }
    assert counter.steps[keys[1]] == 3


def test_an_unknown_optimizer_is_an_error():
    model = tiny.model('cyclegan')
    family = families.of(model)
    with pytest.raises(ConfigError, match="did you mean 'generators'"):
        family.updates(model, 'generator', 5, {})
    with pytest.raises(ConfigError, match='discriminators'):
        family.updates(model, 'generators', 5, dict(discriminator=2))


@pytest.mark.parametrize('name, key', [('dcgan', 'generator'),
                                       ('pix2pix', 'generators')])
def test_a_training_step_of_ones_own_is_not_guessed(name, key):
    model = tiny.model(name)
    own = dict(train_step=lambda self, data, optim_wrapper: {})
    model.__class__ = type('Mine', (type(model), ), own)
    with pytest.raises(NotOffered, match='updates.*Mine'):
        families.of(model).updates(model, key, 5, {})

"""What is found is an ordinary network: masks, a teacher, width."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import DefaultScope

from mmgancomp import families
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.runtime.building import build_model
from mmgancomp.sparsity import MaskedNetwork
from tests.support import runs
from tests.support.search import RETRAIN, SEARCH, tiny


def derived(folder, *options, **hooks):
    """Four iterations of alphaGAN(s), 4 channels."""
    config = tiny(folder, *options, path=RETRAIN)
    config.merge_from_dict({
        'model.generator.genotype': 'alphagan_s',
        'train_cfg.max_iters': 4, 'param_scheduler': None,
        'default_hooks': hooks})
    if 'model.generator.type=mmgancomp.Slimmed' not in options:
        config.model.generator.base_channels = 4
    return config


def built(path):
    config = load_config(str(path))
    if path == RETRAIN:
        config.model.generator.genotype = 'alphagan_s'
    with DefaultScope.overwrite_default_scope('mmagic'):
        return build_model(config)


@pytest.mark.parametrize('path', [SEARCH, RETRAIN], ids=['search', 'train'])
def test_the_family_knows_the_networks(path):
    model = built(path)
    family = families.of(model)
    assert family.name == 'searched'
    draw = torch.Generator().manual_seed(0)
    for network in family.networks(model).values():
        args, kwargs = family.example_call(network.module, 2, draw)
        network.module(*args, **kwargs)
        points = family.feature_points(network.module)
        assert 'block1' in points and '16px' in points
        for point in points.values():
            network.module.get_submodule(point.path)
    generator = model.generator
    seen = {}
    points = family.feature_points(generator)
    for name in ('4px', '8px', '16px'):
        generator.get_submodule(points[name].path).register_forward_hook(
            lambda m, a, out, name=name: seen.update({name: out.shape[-1]}))
    generator(torch.randn(2, 32))
    assert seen == {'4px': 4, '8px': 8, '16px': 16}
    logits = torch.tensor([[2.], [-.5]])
    assert family.adversarial_loss(model, logits, False, False) == 1.75


def test_sagan_without_labels_may_have_one_too():
    config = load_config(str(RETRAIN))
    config.model.generator.genotype = 'alphagan_s'
    config.model.update(type='SAGAN', num_classes=0)
    config.model.discriminator.num_classes = 0
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = build_model(config)
    assert families.of(model).name == 'searched sagan'


def test_masks(tmp_path):
    watch = runs.Watch()
    runner = runs.train(derived(tmp_path, sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(density=.25)))), watch)
    masked = MaskedNetwork.of(runner.model.generator)
    assert masked.density == pytest.approx(.25, abs=1e-3)
    assert not watch.violations and watch.kept['generator']


def test_a_teacher_discriminator(tmp_path):
    teacher = derived(tmp_path / 'teacher')
    runs.train(teacher)
    teacher.dump(str(tmp_path / 'teacher.py'))
    options = dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(config=str(tmp_path / 'teacher.py'),
                     checkpoint=str(tmp_path / 'teacher' / 'iter_4.pth')),
        generator=dict(
            guide=dict(type='mmgancomp.TeacherAdversarialLoss'),
            match=dict(type='mmgancomp.OutputL1Loss')))
    runner = runs.train(derived(tmp_path / 'taught', distillation=options))
    assert 'train/distill/guide' in runner.message_hub.log_scalars
    # The same run but for the teacher, which is the teacher's own.
    alone = runs.load(tmp_path / 'teacher/iter_4.pth')['state_dict']
    assert not torch.equal(runner.model.generator.noise2feat.weight,
                           alone['generator.noise2feat.weight'])


def test_width():
    config = load_config(str(RETRAIN))
    config.model.generator.genotype = 'alphagan_s'
    network = dict(config.model.generator)
    half = families.narrow(network, 2)
    assert half['base_channels'] == 12
    config.model.generator = dict(
        type='mmgancomp.Slimmed', network=network, divisor=2)
    found = plan(config)['networks']['generator']
    assert found['channels']['divisor'] == 2
    assert found['params'] < .4 * found['params_before']

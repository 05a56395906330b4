"""The texture classifier, and its metric in a stock CycleGAN."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmgancomp.datasets import TexturesDataset
from mmgancomp.errors import ConfigError
from mmgancomp.evaluation.textures import TextureShare, texture_network

LINES = """
_base_ = [
    'mmagic::cyclegan/cyclegan_lsgan-resnet-in_1xb1-80kiters_facades.py',
    '{root}/configs/_base_/datasets/textures_32.py']
model = dict(
    generator=dict(base_channels=8, num_blocks=1),
    discriminator=dict(base_channels=8, num_conv=2))
train_dataloader = dict(_delete_=True, **_base_.train_data)
val_dataloader = dict(_delete_=True, **_base_.test_data)
val_evaluator = dict(_delete_=True, **_base_.test_metrics)
test_dataloader = test_cfg = test_evaluator = None
param_scheduler = None
default_hooks = dict(
    checkpoint=dict(_delete_=True, type='CheckpointHook', interval=100,
                    by_epoch=False))
custom_hooks = []
train_cfg = dict(max_iters=2, val_interval=2)
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
randomness = dict(seed=0)
log_level = 'ERROR'
"""


def held_out(name):
    dataset = TexturesDataset(split='test')
    return [
        torch.from_numpy(sample[f'img_{name}']).permute(2, 0, 1).float()
        for sample in dataset
    ]


def shares(brick, gravel):
    metric = TextureShare()
    metric.process({}, [
        dict(fake_photo=one, fake_mask=other)
        for one, other in zip(brick, gravel)
    ])
    return metric.compute_metrics(metric.results)


def test_names_held_out_textures():
    brick, gravel = held_out('brick'), held_out('gravel')
    right, wrong = shares(brick, gravel), shares(gravel, brick)
    assert (right['photo'], right['mask']) == (1, 1)
    assert (wrong['photo'], wrong['mask']) == (0, 0)
    # Held-out crops are near to real ones, the other texture is far away.
    assert max(right['photo_fd'], right['mask_fd']) < 5
    assert min(wrong['photo_fd'], wrong['mask_fd']) > 200


def test_distance_grows_with_what_is_lost():
    """Between real crops and the other texture lie mixtures of both."""
    brick, gravel = held_out('brick'), held_out('gravel')
    found = [
        shares([one * (1 - part) + other * part
                for one, other in zip(brick, gravel)], gravel)['photo_fd']
        for part in (0, .3, .6, 1)
    ]
    assert found == sorted(found)


def test_one_image_has_no_distance():
    assert set(shares(held_out('brick')[:1], held_out('gravel')[:1])) == {
        'photo', 'mask'}


def test_does_not_go_by_brightness_or_contrast():
    """Translators may change both; that alone must not fool it."""
    brick, gravel = held_out('brick'), held_out('gravel')
    changed = shares([image * .6 + 90 for image in brick],
                     [image * .3 + 10 for image in gravel])
    assert min(changed['photo'], changed['mask']) >= 0.95


def test_same_bits_each_time():
    before = torch.get_rng_state()
    one = texture_network()
    texture_network.cache_clear()
    other = texture_network()
    assert one is not other
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.filterwarnings('ignore:Unnecessary conv bias before batch')
@pytest.mark.filterwarnings('ignore:The prefix is not set in metric class')
def test_in_a_stock_cyclegan(root, tmp_path):
    file = tmp_path / 'tiny.py'
    file.write_text(LINES.format(root=root))
    config = Config.fromfile(file)
    config.work_dir = str(tmp_path / 'work')
    config.experiment_name = tmp_path.name
    runner = Runner.from_cfg(config)
    runner.train()
    logged = runner.message_hub.log_scalars
    for domain in ('photo', 'mask'):
        assert 0 <= logged[f'val/texture-share/{domain}'].current() <= 1
        assert logged[f'val/texture-share/{domain}_fd'].current() > 0


def test_wrong_options():
    with pytest.raises(ConfigError, match='^photos.photo = .*known: brick'):
        TextureShare(photos=dict(photo='grass'))
    with pytest.raises(ConfigError, match='^photos.wall = .*fake_photo'):
        TextureShare(photos=dict(wall='brick')).process(
            {}, [dict(fake_photo=torch.zeros(1, 32, 32))])

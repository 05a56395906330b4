"""PSNR and SSIM on translated crops, by hand and in a stock Pix2Pix."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmgancomp.errors import ConfigError
from mmgancomp.evaluation.paired import TranslatedPSNR, TranslatedSSIM

LINES = """
_base_ = [
    'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py',
    '{root}/configs/_base_/datasets/edges_32.py']
model = dict(
    generator=dict(base_channels=8, num_down=5),
    discriminator=dict(base_channels=8, num_conv=2))
optim_wrapper = dict(
    generators=dict(optimizer=dict(lr=2e-3)),
    discriminators=dict(optimizer=dict(lr=1e-3)))
train_dataloader = dict(_delete_=True, **_base_.train_data)
val_dataloader = dict(_delete_=True, **_base_.test_data)
val_evaluator = dict(_delete_=True, **_base_.test_metrics)
test_dataloader = test_cfg = test_evaluator = None
default_hooks = dict(
    checkpoint=dict(_delete_=True, type='CheckpointHook', interval=100,
                    by_epoch=False))
custom_hooks = []
train_cfg = dict(max_iters={iters}, val_interval={iters})
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
randomness = dict(_delete_=True, seed=0)
log_level = 'ERROR'
"""


def evaluated(metric, real, fake):
    metric.process({}, [dict(img_photo=real, fake_photo=fake)])
    return metric.compute_metrics(metric.results)


def test_values_by_hand():
    real = torch.full((3, 32, 32), 100.)
    # 20 log10(255 / 10)
    assert evaluated(TranslatedPSNR(), real,
                     real + 10)['PSNR'] == pytest.approx(28.1308, abs=1e-3)
    texture = torch.rand(3, 32, 32) * 255
    assert evaluated(TranslatedSSIM(), texture,
                     texture)['SSIM'] == pytest.approx(1)
    assert evaluated(TranslatedSSIM(), texture, real)['SSIM'] < 0.1


def test_unknown_domain():
    metric = TranslatedPSNR(domain='foto')
    with pytest.raises(ConfigError, match="'foto'.*fake_photo"):
        metric.process({}, [dict(img_photo=1, fake_photo=2)])


@pytest.mark.filterwarnings('ignore:Unnecessary conv bias before batch')
@pytest.mark.filterwarnings('ignore:size_average and reduce args')
def test_a_stock_pix2pix_learns_edges_to_gravel(root, tmp_path):
    """A few steps on random crops must help on crops never seen."""
    scores = {}
    for iters in (1, 40):
        file = tmp_path / f'tiny{iters}.py'
        file.write_text(LINES.format(root=root, iters=iters))
        config = Config.fromfile(file)
        config.work_dir = str(tmp_path / str(iters))
        config.experiment_name = f'{tmp_path.name}-{iters}'
        runner = Runner.from_cfg(config)
        runner.train()
        logged = runner.message_hub.log_scalars
        scores[iters] = {
            name: logged[f'val/edges/{name}'].current()
            for name in ('PSNR', 'SSIM')
        }
    assert scores[40]['PSNR'] > scores[1]['PSNR'] + 0.5
    assert scores[40]['SSIM'] > scores[1]['SSIM'] + 0.15

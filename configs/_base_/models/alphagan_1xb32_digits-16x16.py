# alphaGAN's networks, small, on handwritten digits: for the search and for
# what is trained of it. Three cells from 2x2 to 16x16, 24 channels.
_base_ = [
    'mmagic::_base_/gen_default_runtime.py', '../datasets/digits_16.py'
]

model = dict(
    type='GGAN',
    noise_size=32,
    data_preprocessor=dict(
        type='DataPreprocessor', output_channel_order=None),
    generator=dict(
        type='mmgancomp.DerivedGenerator',
        genotype='alphagan_s',
        base_channels=24,
        bottom_width=2,
        out_channels=1),
    discriminator=dict(
        type='ProjDiscriminator',
        input_scale=16,
        input_channels=1,
        base_channels=32,
        channels_cfg=[1, 2],
        downsample_cfg=[True, False]),
    discriminator_steps=1,
    ema_config=dict(
        type='ExponentialMovingAverage', interval=1, momentum=0.01))

optimizer = dict(type='Adam', lr=1e-3, betas=(0.0, 0.9))
optim_wrapper = dict(
    generator=dict(optimizer=optimizer),
    discriminator=dict(optimizer=optimizer))

train_dataloader = _base_.train_data
val_dataloader = test_dataloader = _base_.test_data
# Without labels: the images alone are judged.
val_evaluator = test_evaluator = dict(_delete_=True, **_base_.test_metrics)

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        _delete_=True,
        type='CheckpointHook',
        by_epoch=False,
        interval=250,
        max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
randomness = dict(_delete_=True, seed=0)

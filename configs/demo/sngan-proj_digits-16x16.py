# The dense model of the demo: MMagic's SNGAN-projection, made small, on
# handwritten digits. About 140 CPU-seconds for 1,500 iterations.
_base_ = [
    'mmagic::sngan_proj/'
    'sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    '../_base_/datasets/digits_16.py'
]

max_iters = 1500
noise_size = 32
model = dict(
    noise_size=noise_size,
    data_preprocessor=dict(output_channel_order=None),
    generator=dict(
        output_scale=16,
        out_channels=1,
        base_channels=32,
        channels_cfg=[1, 1],
        noise_size=noise_size),
    discriminator=dict(
        input_scale=16,
        input_channels=1,
        base_channels=32,
        channels_cfg=[1, 2],
        downsample_cfg=[True, False]),
    discriminator_steps=1,
    ema_config=dict(interval=1, momentum=0.01, start_iter=50))

train_dataloader = dict(_delete_=True, **_base_.train_data)
val_dataloader = test_dataloader = dict(_delete_=True, **_base_.test_data)
val_evaluator = test_evaluator = dict(_delete_=True, **_base_.test_metrics)

optimizer = dict(type='Adam', lr=1e-3, betas=(0.0, 0.9))
optim_wrapper = dict(
    generator=dict(optimizer=optimizer),
    discriminator=dict(optimizer=optimizer))
# The rate falls to a tenth over the second half.
param_scheduler = dict(
    type='LinearLR',
    by_epoch=False,
    start_factor=1.0,
    end_factor=0.1,
    begin=max_iters // 2,
    end=max_iters)

train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        _delete_=True,
        type='CheckpointHook',
        by_epoch=False,
        interval=250,
        max_keep_ckpts=1),
    # Nothing is compressed here, but a killed run resumes bit for bit.
    compression=dict(type='mmgancomp.RunStateHook'))
custom_hooks = []
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
randomness = dict(seed=0)

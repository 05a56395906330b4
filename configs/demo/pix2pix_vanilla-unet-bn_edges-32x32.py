# MMagic's Pix2Pix, made small: soft edges of gravel → gravel, offline.
_base_ = [
    'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py',
    '../_base_/datasets/edges_32.py'
]

max_iters = 600
model = dict(
    generator=dict(num_down=4, base_channels=16),
    discriminator=dict(base_channels=16, num_conv=2))

train_dataloader = dict(_delete_=True, **_base_.train_data)
val_dataloader = test_dataloader = dict(_delete_=True, **_base_.test_data)
val_evaluator = test_evaluator = dict(_delete_=True, **_base_.test_metrics)

optim_wrapper = dict(
    generators=dict(optimizer=dict(lr=2e-3, betas=(0.5, 0.9))),
    discriminators=dict(optimizer=dict(lr=1e-3, betas=(0.5, 0.9))))

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
        interval=200,
        max_keep_ckpts=1),
    # Nothing is compressed here, but a killed run resumes bit for bit.
    compression=dict(type='mmgancomp.RunStateHook'))
custom_hooks = []
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
randomness = dict(seed=0)

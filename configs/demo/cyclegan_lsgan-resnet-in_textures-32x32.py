# MMagic's CycleGAN, made small: a brick wall ↔ gravel, unpaired, offline.
_base_ = [
    'mmagic::cyclegan/cyclegan_lsgan-resnet-in_1xb1-80kiters_facades.py',
    '../_base_/datasets/textures_32.py'
]

max_iters = 1000
model = dict(
    generator=dict(base_channels=16, num_blocks=2),
    discriminator=dict(base_channels=16, num_conv=2),
    loss_config=dict(cycle_loss_weight=5.0, id_loss_weight=0))

train_dataloader = dict(_delete_=True, **_base_.train_data)
val_dataloader = test_dataloader = dict(_delete_=True, **_base_.test_data)
val_evaluator = test_evaluator = dict(_delete_=True, **_base_.test_metrics)

optimizer = dict(lr=1e-3, betas=(0.5, 0.9))
optim_wrapper = dict(
    generators=dict(optimizer=optimizer),
    discriminators=dict(optimizer=optimizer))
# The rate falls to a tenth over the second half.
param_scheduler = dict(
    _delete_=True,
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

# The search of alphaGAN(s) on CIFAR-10: 100 epochs of 20 iterations of the
# weights, 20 updates of either copy and 20 of the architecture. Half of the
# training images is held out for copies and architecture.
_base_ = '../_base_/models/alphagan_1xb64_cifar10-32x32.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.SearchableGenerator',
        base_channels=256,
        bottom_width=4))

# Batches of 64 for both networks.
optim_wrapper = dict(generator=dict(accumulative_counts=1))

train_dataloader = dict(dataset=dict(indices=25000))
held_out = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='CIFAR10',
        data_root='./data',
        data_prefix='cifar10',
        test_mode=False,
        indices=-25000,
        pipeline=[
            dict(
                type='Flip',
                keys=['gt'],
                flip_ratio=0.5,
                direction='horizontal'),
            dict(type='PackInputs')
        ]))

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.DualityGapSearchLoop',
    variant='s',
    epochs=100,
    architecture_dataloader=held_out,
    val_interval=4)

# Every fifth epoch.
default_hooks = dict(checkpoint=dict(interval=400))
custom_hooks = []
randomness = dict(seed=2)

# STU-GAN on SAGAN: the stock recipe, and the EMA of the method, which the
# metrics look at.
_base_ = [
    'mmagic::sagan/'
    'sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

model = dict(
    ema_config=dict(
        type='mmgancomp.SEMA', momentum=0.001, interval=1,
        update_buffers=True))

metrics = _base_.metrics
metrics[0].sample_model = metrics[1].sample_model = 'ema'
val_evaluator = test_evaluator = dict(metrics=metrics)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.1, schedule=dict(type='DropAndGrow')),
            # Drawn once, and kept.
            discriminator=dict(
                density=0.5,
                schedule=dict(type='OneShot'),
                criterion='random',
                allocation='erk'))))

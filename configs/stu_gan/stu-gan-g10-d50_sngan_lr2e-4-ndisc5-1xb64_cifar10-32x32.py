# STU-GAN on SNGAN: a generator of 10 % density that drops and grows weights
# every 1,000 of its updates, against a discriminator of 50 %. Never dense.
_base_ = '../_base_/models/sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'

model = dict(
    ema_config=dict(type='mmgancomp.SEMA', update_buffers=True))

default_hooks = dict(
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

# STU-GAN on SNGAN at 48x48, with the settings of CIFAR-10.
_base_ = '../_base_/models/sngan_lr2e-4-ndisc5-1xb64_stl10-48x48.py'

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

# STU-GAN on BigGAN with the densities of the paper's abstract: 20 % of G, 30 %
# of D. Stock: recipe, batch, momentum and start of the EMA; the official code
# has no BigGAN.
_base_ = 'mmagic::biggan/biggan_2xb25-500kiters_cifar10-32x32.py'

model = dict(
    ema_config=dict(type='mmgancomp.SEMA', update_buffers=True))

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.2, schedule=dict(type='DropAndGrow')),
            # Drawn once, and kept.
            discriminator=dict(
                density=0.3,
                schedule=dict(type='OneShot'),
                criterion='random',
                allocation='erk'))))

# STU-GAN on Pix2Pix. The stock recipe; translation models of MMagic keep no
# EMA.
_base_ = 'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'

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

# STU-GAN on StyleGAN2. Stock: recipe, batch, and momentum of the EMA.
_base_ = 'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'

model = dict(
    ema_config=dict(type='mmgancomp.SEMA', update_buffers=True))

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

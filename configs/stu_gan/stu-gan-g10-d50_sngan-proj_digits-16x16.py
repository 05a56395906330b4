# STU-GAN on handwritten digits, offline; a few CPU-minutes. 50 changes of
# the masks, as in a run of the paper.
_base_ = '../demo/sngan-proj_digits-16x16.py'

model = dict(
    ema_config=dict(type='mmgancomp.SEMA', update_buffers=True))

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(
                density=0.1,
                schedule=dict(type='DropAndGrow', interval=30)),
            # Drawn once, and kept.
            discriminator=dict(
                density=0.5,
                schedule=dict(type='OneShot'),
                criterion='random',
                allocation='erk'))))

# STU-GAN on CycleGAN: four networks, each with masks of its own. The official
# code has no EMA here either. Stock: see the same file in ../gan_lth.
_base_ = [
    'mmagic::cyclegan/'
    'cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

# The paper's weight; the stock config has 0.5.
model = dict(loss_config=dict(id_loss_weight=5.0))

default_hooks = dict(
    checkpoint=dict(
        max_keep_ckpts=1,
        save_best=['FID-horse-to-zebra/fid', 'FID-zebra-to-horse/fid'],
        rule=['less', 'less']),
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

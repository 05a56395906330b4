# DGL-GAN on BigGAN, half width. An update is eight iterations of 8 x 32
# images, as in BigGAN itself. 100,000 updates, then with the teacher
# until it diverges, for 100,000 more at most; the checkpoint with the best FID
# is kept.
_base_ = [
    'mmagic::biggan/'
    'biggan_ajbrock-sn_8xb32-1500kiters_imagenet1k-128x128.py'
]

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        network={{_base_.model.generator}},
        divisor=2),
    discriminator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='discriminator',
        network={{_base_.model.discriminator}},
        divisor=2))

train_cfg = dict(max_iters=1600000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=
                'mmagic::biggan/biggan_ajbrock-sn_8xb32-1500kiters_'
                'imagenet1k-128x128.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/biggan/biggan_'
                'imagenet1k_128x128_b32x8_best_is_iter_1328000_20211111_'
                '122911-28c688bc.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))),
    stages=dict(
        type='mmgancomp.StageHook',
        stages=[
            dict(until=100000, weights=dict(guide=0.0)),
            dict(weights=dict(guide=0.1), reset_optimizers=True,
                 stop=dict(metric='FID-Full-50k/fid', factor=2.0))
        ]))

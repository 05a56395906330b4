# DGL-GAN on CycleGAN, all four networks at half width; the paper has no image
# translation. The teacher joins when the stock learning rate begins to fall.
_base_ = [
    'mmagic::cyclegan/'
    'cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
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

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=
                'mmagic::cyclegan/cyclegan_lsgan-resnet-in_1xb1-270kiters_'
                'horse2zebra.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/cyclegan/'
                'refactor/cyclegan_lsgan_resnet_in_1x1_266800_horse2zebra_'
                'convert-bgr_20210902_170004-a32c733a.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))),
    stages=dict(
        type='mmgancomp.StageHook',
        stages=[
            dict(until=0.5, weights=dict(guide=0.0)),
            dict(weights=dict(guide=0.1), reset_optimizers=True)
        ]))

# DGL-GAN on Pix2Pix, half width; the paper has no image translation. Each
# stage is half of the stock run.
_base_ = 'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'

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
                'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_'
                'facades.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/pix2pix/'
                'refactor/pix2pix_vanilla_unet_bn_1x1_80k_facades_'
                '20210902_170442-c0958d50.pth'),
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

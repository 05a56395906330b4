# PPCD-GAN's gates and attention maps on Pix2Pix, whose U-Net has no residual
# blocks and so no transition layers; the paper has no image translation.
_base_ = 'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Gated',
        part='generator',
        network={{_base_.model.generator}}))

optim_wrapper = dict(
    constructor='mmgancomp.CompressionOptimWrapperConstructor')

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    gates=dict(
        type='mmgancomp.GateHook',
        alpha=0.5,
        optimizer=dict(type='SGD', lr=0.2)),
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
            attention=dict(
                type='mmgancomp.AttentionMapLoss',
                layers=['down2', 'down3', 'up2', 'up3', 'up4']))))

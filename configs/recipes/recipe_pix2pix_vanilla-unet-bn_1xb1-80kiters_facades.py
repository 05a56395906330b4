# Pix2Pix on facades: half of the channels, cut out of the trained generator,
# train on, a tenth of the stock run. The image is to stay the one that the
# whole generator makes of the same labels. Plan and weights are what
# `mmgancomp prune --target width=0.5` wrote.
_base_ = [
    'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'
]

folder = 'work_dirs/recipes/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades'
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=8000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=(
                'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_'
                'facades.py'),
            checkpoint=(
                'https://download.openmmlab.com/mmediting/pix2pix/refactor/'
                'pix2pix_vanilla_unet_bn_1x1_80k_facades_20210902_'
                '170442-c0958d50.pth')),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=100.0))))

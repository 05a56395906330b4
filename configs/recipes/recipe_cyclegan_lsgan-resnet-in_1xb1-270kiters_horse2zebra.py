# CycleGAN on horse2zebra: half of the channels, cut out of the trained
# generator, train on, a tenth of the stock run. The image is to stay the one
# that the whole generator makes of the same photograph. Plan and weights are
# what `mmgancomp prune --target width=0.5` wrote.
_base_ = [
    'mmagic::cyclegan/cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

folder = (
    'work_dirs/recipes/'
    'cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra')
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=27000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=(
                'mmagic::cyclegan/cyclegan_lsgan-resnet-in_1xb1-270kiters_'
                'horse2zebra.py'),
            checkpoint=(
                'https://download.openmmlab.com/mmediting/cyclegan/refactor/'
                'cyclegan_lsgan_resnet_in_1x1_266800_horse2zebra_convert-bgr_'
                '20210902_170004-a32c733a.pth')),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

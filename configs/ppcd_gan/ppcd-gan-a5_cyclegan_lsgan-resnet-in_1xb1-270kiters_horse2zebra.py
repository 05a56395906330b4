# PPCD-GAN's gates and attention maps on CycleGAN; the paper has no image
# translation, and no classes here make the maps plain ones. Both generators
# share a plan: a channel goes where both have closed it.
_base_ = [
    'mmagic::cyclegan/'
    'cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

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
        optimizer=dict(type='SGD', lr=0.1)),
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
            attention=dict(
                type='mmgancomp.AttentionMapLoss',
                layers=['block3', 'block5', 'block7', 'block9']))))

# Self-supervised compression of Pix2Pix:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights.
_base_ = [
    'mmagic::pix2pix/'
    'pix2pix_vanilla-unet-bn_1xb1-220kiters_aerial2maps.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/pix2pix/refactor/pix2pix_'
    'vanilla_unet_bn_a2b_1x1_219200_maps_convert-bgr_20210902_170729-'
    '59a31517.pth')
train_cfg = dict(max_iters=22000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.5, schedule=dict(type='AGP')))),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        # The dense model itself; without a config of its own it is the run's.
        teacher=dict(checkpoint=load_from),
        generator=dict(
            same=dict(type='mmgancomp.NormalisedConsistencyLoss'))))

# Self-supervised compression of CycleGAN:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights.
_base_ = [
    'mmagic::cyclegan/'
    'cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/cyclegan/refactor/cyclegan_'
    'lsgan_resnet_in_1x1_266800_horse2zebra_convert-bgr_20210902_170004-'
    'a32c733a.pth')
train_cfg = dict(max_iters=27000)

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

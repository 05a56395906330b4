# Self-supervised compression of SNGAN-projection: half of the weights go, in a
# tenth of the stock run's iterations, from its weights. The paper does not
# have this model.
_base_ = [
    'mmagic::sngan_proj/'
    'sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/sngan_proj/sngan_proj_cifar10_'
    '32_lr-2e-4_b64x1_woReLUinplace_fid-iter490000_20210709_163329-'
    'ba0862a0.pth')
train_cfg = dict(max_iters=50000)

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

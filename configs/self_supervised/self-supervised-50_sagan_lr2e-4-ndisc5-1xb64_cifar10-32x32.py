# Self-supervised compression of SAGAN:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights. The paper
# does not have this model.
_base_ = [
    'mmagic::sagan/'
    'sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/sagan/sagan_cifar10_32_lr2e-'
    '4_ndisc5_b64x1_woReUinplace_fid-iter480000_20210730_125449-'
    'd50568a4.pth')
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

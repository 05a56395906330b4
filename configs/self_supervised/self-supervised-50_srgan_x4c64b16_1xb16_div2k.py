# Self-supervised compression of SRGAN:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights.
_base_ = 'mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py'

load_from = (
    'https://download.openmmlab.com/mmediting/restorers/srresnet_srgan/'
    'srgan_x4c64b16_1x16_1000k_div2k_20200606-a1f0810e.pth')
train_cfg = dict(max_iters=40000)

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

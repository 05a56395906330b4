# Self-supervised compression of BigGAN:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights. The paper
# does not have this model.
_base_ = 'mmagic::biggan/biggan_2xb25-500kiters_cifar10-32x32.py'

load_from = (
    'https://download.openmmlab.com/mmediting/biggan/biggan_cifar10_32x32_'
    'b25x2_500k_20210728_110906-08b61a44.pth')
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

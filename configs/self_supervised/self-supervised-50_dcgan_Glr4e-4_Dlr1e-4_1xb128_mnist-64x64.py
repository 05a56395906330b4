# Self-supervised compression of DCGAN on MNIST:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights.
_base_ = 'mmagic::dcgan/dcgan_Glr4e-4_Dlr1e-4_1xb128-5kiters_mnist-64x64.py'

load_from = (
    'https://download.openmmlab.com/mmediting/dcgan/dcgan_mnist-64_b128x1_'
    'Glr4e-4_Dlr1e-4_5k_20210512_163926-207a1eaf.pth')
train_cfg = dict(max_iters=500)

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

# Self-supervised compression of ESRGAN:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights. The paper
# does not have this model.
_base_ = 'mmagic::esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py'

load_from = (
    'https://download.openmmlab.com/mmediting/restorers/esrgan/esrgan_'
    'x4c64b23g32_1x16_400k_div2k_20200508-f8ccaf3b.pth')
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

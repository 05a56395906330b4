# Self-supervised compression of StyleGAN2:
# half of the weights go, in a tenth of the stock run's iterations, from its
# weights. The paper
# does not have this model.
_base_ = 'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'

load_from = (
    'https://download.openmmlab.com/mmediting/stylegan2/stylegan2_c2_ffhq_'
    '256_b4x8_20210407_160709-7890ae1f.pth')
train_cfg = dict(max_iters=80000)

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

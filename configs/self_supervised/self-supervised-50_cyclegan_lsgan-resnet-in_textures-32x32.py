# Self-supervised compression of a small CycleGAN, brick ↔ gravel, offline:
# half of the weights go in a third of the dense model's iterations. It starts
# from the dense model: train configs/demo/cyclegan_… first.
_base_ = '../demo/cyclegan_lsgan-resnet-in_textures-32x32.py'

load_from = 'work_dirs/cyclegan_lsgan-resnet-in_textures-32x32/iter_1000.pth'
max_iters = 300
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

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

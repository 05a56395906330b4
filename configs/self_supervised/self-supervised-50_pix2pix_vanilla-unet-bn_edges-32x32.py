# Self-supervised compression of a small Pix2Pix, edges → gravel, offline: half
# of the weights go in half of the dense model's iterations. It starts from the
# dense model: train configs/demo/pix2pix_… first.
_base_ = '../demo/pix2pix_vanilla-unet-bn_edges-32x32.py'

load_from = 'work_dirs/pix2pix_vanilla-unet-bn_edges-32x32/iter_600.pth'
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

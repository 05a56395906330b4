# The smallest 90 % of the dense model's weights go before the first update;
# then 500 updates with what is left.
_base_ = './sngan-proj_digits-16x16.py'

load_from = 'work_dirs/demo/dense/iter_1500.pth'
max_iters = 500
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(
                density=0.1,
                schedule=dict(type='OneShot'),
                # All convolutions, and the first linear layer besides.
                layers=dict(include=['*conv*.weight', 'noise2feat.*'])))))

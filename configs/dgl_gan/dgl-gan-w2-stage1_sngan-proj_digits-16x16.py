# Stage I alone: the narrow student without its teacher.
_base_ = './dgl-gan-w2_sngan-proj_digits-16x16.py'

train_cfg = dict(max_iters=500, val_interval=500)
param_scheduler = dict(begin=500, end=1000)
default_hooks = dict(
    distillation=None,
    stages=None,
    compression=dict(type='mmgancomp.RunStateHook'))

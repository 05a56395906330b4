# Stage I alone: the narrow student without its teacher.
_base_ = './dgl-gan-w2_stylegan2_c2_8xb4_ffhq-1024x1024.py'

train_cfg = dict(max_iters=468750)
default_hooks = dict(
    distillation=None,
    stages=None,
    compression=dict(type='mmgancomp.RunStateHook'))

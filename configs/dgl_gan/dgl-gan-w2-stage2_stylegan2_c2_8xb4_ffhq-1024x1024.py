# Stage II alone: the student of stage I goes on with fresh optimizers and the
# teacher.
_base_ = './dgl-gan-w2_stylegan2_c2_8xb4_ffhq-1024x1024.py'

load_from = (
    'work_dirs/dgl-gan-w2-stage1_stylegan2_c2_8xb4_ffhq-1024x1024/'
    'iter_468750.pth')
train_cfg = dict(max_iters=2031250)
default_hooks = dict(stages=None)

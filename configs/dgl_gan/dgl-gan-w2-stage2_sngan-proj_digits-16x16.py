# Stage II alone: the student of stage I goes on with fresh optimizers and the
# teacher.
_base_ = './dgl-gan-w2-stage1_sngan-proj_digits-16x16.py'

load_from = (
    'work_dirs/dgl-gan-w2-stage1_sngan-proj_digits-16x16/'
    'iter_500.pth')
train_cfg = dict(max_iters=500, val_interval=500)
param_scheduler = dict(begin=0, end=500)

default_hooks = dict(
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmgancomp::demo/sngan-proj_digits-16x16.py',
            checkpoint='work_dirs/demo/dense/iter_1500.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))))

# DGL-GAN on handwritten digits, half width, offline. The teacher is the dense
# model of the demo, whose checkpoint `make demo` leaves.
_base_ = './dgl-gan-w2-stage1_sngan-proj_digits-16x16.py'

max_iters = 1000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 2)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

default_hooks = dict(
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmgancomp::demo/sngan-proj_digits-16x16.py',
            checkpoint='work_dirs/demo/dense/iter_1500.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))),
    stages=dict(
        type='mmgancomp.StageHook',
        stages=[
            dict(until=500, weights=dict(guide=0.0)),
            dict(weights=dict(guide=0.1), reset_optimizers=True)
        ]))

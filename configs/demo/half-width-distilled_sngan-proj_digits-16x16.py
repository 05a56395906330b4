# A generator with half of the channels, from scratch, whose images are to be
# those of the dense model for the same noise. The discriminator keeps its
# width: it is not deployed.
_base_ = './sngan-proj_digits-16x16.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        network={{_base_.model.generator}},
        divisor=2))

max_iters = 800
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

default_hooks = dict(
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmgancomp::demo/sngan-proj_digits-16x16.py',
            checkpoint='work_dirs/demo/dense/iter_1500.pth'),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

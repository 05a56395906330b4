# DGL-GAN on handwritten digits, half width, offline. The teacher is the dense
# model of the demo, of which
# `make demo` or README.md here make the checkpoint.
_base_ = '../demo/sngan-proj_digits-16x16.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        network={{_base_.model.generator}},
        divisor=2),
    discriminator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='discriminator',
        network={{_base_.model.discriminator}},
        divisor=2))

max_iters = 1000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 2)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
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

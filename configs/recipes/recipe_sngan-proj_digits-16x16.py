# SNGAN-projection on digits, offline: half of the channels, cut out of the
# trained generator, train on. The image is to stay the one that the whole
# generator makes of the same latents and class. Plan and weights are what
# `mmgancomp prune --target width=0.5` wrote.
_base_ = '../demo/sngan-proj_digits-16x16.py'

folder = 'work_dirs/recipes/sngan-proj_digits-16x16'
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'

max_iters = 500
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmgancomp::demo/sngan-proj_digits-16x16.py',
            checkpoint='work_dirs/demo/dense/iter_1500.pth'),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

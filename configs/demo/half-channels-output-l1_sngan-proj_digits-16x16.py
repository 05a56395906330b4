# Half of the dense model's channels are cut out of its generator, those that
# count least, and what is left trains on, its images tied to the dense
# model's. Plan and weights are what the demo, or `mmgancomp prune`, wrote.
_base_ = './sngan-proj_digits-16x16.py'

folder = 'work_dirs/demo/half-channels'
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
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmgancomp::demo/sngan-proj_digits-16x16.py',
            checkpoint='work_dirs/demo/dense/iter_1500.pth'),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

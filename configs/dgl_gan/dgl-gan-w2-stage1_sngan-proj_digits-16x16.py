# Stage I alone: the narrow student without its teacher.
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

train_cfg = dict(max_iters=500, val_interval=500)
param_scheduler = dict(begin=500, end=1000)
default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))

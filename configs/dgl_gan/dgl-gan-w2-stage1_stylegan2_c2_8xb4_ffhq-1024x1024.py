# Stage I alone: the narrow student without its teacher.
_base_ = 'mmagic::styleganv2/stylegan2_c2_8xb4_ffhq-1024x1024.py'

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

train_cfg = dict(max_iters=468750)
default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))

# DGL-GAN on SAGAN, half width; the paper has no SAGAN. Each stage is half of
# the stock run.
_base_ = [
    'mmagic::sagan/'
    'sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

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

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=
                'mmagic::sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_'
                'cifar10-32x32.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/sagan/sagan_'
                'cifar10_32_lr2e-4_ndisc5_b64x1_woReUinplace_fid-'
                'iter480000_20210730_125449-d50568a4.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))),
    stages=dict(
        type='mmgancomp.StageHook',
        stages=[
            dict(until=0.5, weights=dict(guide=0.0)),
            dict(weights=dict(guide=0.1), reset_optimizers=True)
        ]))

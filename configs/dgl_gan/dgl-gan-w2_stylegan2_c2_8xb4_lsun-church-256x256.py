# DGL-GAN on StyleGAN2, half width: 15,000 kimg, then 30,000 kimg with the
# teacher. R1 has its stock weight, as in the paper's command.
_base_ = [
    'mmagic::styleganv2/'
    'stylegan2_c2_8xb4-800kiters_lsun-church-256x256.py'
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

train_cfg = dict(max_iters=1406250)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=
                'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_lsun-'
                'church-256x256.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/stylegan2/'
                'official_weights/stylegan2-church-config-f-official_'
                '20210327_172657-1d42b7d1.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))),
    stages=dict(
        type='mmgancomp.StageHook',
        stages=[
            dict(until=468750, weights=dict(guide=0.0)),
            dict(weights=dict(guide=0.1), reset_optimizers=True)
        ]))

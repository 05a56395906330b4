# DGL-GAN on StyleGAN2, half width. The paper has no FFHQ at 256 pixels: the
# stages are as long as in its ablations, 15,000 kimg each.
_base_ = 'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'

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

train_cfg = dict(max_iters=937500)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=
                'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-'
                '256x256.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/stylegan2/'
                'stylegan2_c2_ffhq_256_b4x8_20210407_160709-7890ae1f.pth'),
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

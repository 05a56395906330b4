# PPCD-GAN's gates and attention maps on StyleGAN2; the paper has none. It is
# without classes, and without a residual sum in its generator.
_base_ = 'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Gated',
        part='generator',
        network={{_base_.model.generator}}))

optim_wrapper = dict(
    constructor='mmgancomp.CompressionOptimWrapperConstructor')

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    gates=dict(
        type='mmgancomp.GateHook',
        alpha=0.5,
        optimizer=dict(type='SGD', lr=0.1)),
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
            attention=dict(
                type='mmgancomp.AttentionMapLoss',
                layers=['16px', '32px', '64px', '128px']))))

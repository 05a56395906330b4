# PPCD-GAN as published: a SAGAN student with gates, taught by BigGAN. 256
# images to an update on eight GPUs; 100 epochs are 500,000 updates.
_base_ = [
    'mmagic::sagan/'
    'sagan_woReLUinplace-Glr1e-4_Dlr4e-4_noaug-ndisc1-8xb32-bigGAN-sch_'
    'imagenet1k-128x128.py'
]

model = dict(
    noise_size=128,
    # Of the script that the paper cites. Stock has 0.999, from a time when
    # this was the share of the past: its average is the last iterate.
    ema_config=dict(momentum=0.0001),
    generator=dict(
        _delete_=True,
        type='mmgancomp.Gated',
        part='generator',
        network={{_base_.model.generator}}))

train_cfg = dict(max_iters=500000)
optim_wrapper = dict(
    constructor='mmgancomp.CompressionOptimWrapperConstructor')

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    gates=dict(type='mmgancomp.GateHook', alpha=0.7),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=
                'mmagic::biggan/biggan_ajbrock-sn_8xb32-1500kiters_'
                'imagenet1k-128x128.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/biggan/biggan_'
                'imagenet1k_128x128_b32x8_best_is_iter_1328000_20211111_'
                '122911-28c688bc.pth',
            # It takes 120 latents; the student has 128.
            noise='first'),
        generator=dict(
            attention=dict(type='mmgancomp.AttentionMapLoss'))))

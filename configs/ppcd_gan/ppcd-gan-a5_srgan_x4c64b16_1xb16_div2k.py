# PPCD-GAN's gates and attention maps on SRGAN, whose residual blocks have no
# norms; the paper has no super-resolution, and no classes here make the maps
# plain ones. The student is trained from scratch.
_base_ = ['mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py']

experiment_name = 'ppcd-gan-a5_srgan_x4c64b16_1xb16_div2k'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Gated',
        part='generator',
        network={{_base_.model.generator}}))

optim_wrapper = dict(
    constructor='mmgancomp.CompressionOptimWrapperConstructor')

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1, out_dir=None),
    gates=dict(
        type='mmgancomp.GateHook',
        alpha=0.5,
        optimizer=dict(type='SGD', lr=0.1)),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/restorers/'
                'srresnet_srgan/srgan_x4c64b16_1x16_1000k_div2k_20200606-'
                'a1f0810e.pth'),
        generator=dict(
            attention=dict(
                type='mmgancomp.AttentionMapLoss',
                layers=['block4', 'block8', 'block12', 'block16']))))

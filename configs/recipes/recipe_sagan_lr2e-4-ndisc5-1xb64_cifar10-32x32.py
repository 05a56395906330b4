# SAGAN on CIFAR-10: half of the channels, cut out of the trained generator,
# train on, a tenth of the stock run. The image is to stay the one that the
# whole generator makes of the same latents and class. Plan and weights are
# what `mmgancomp prune --target width=0.5` wrote.
_base_ = [
    'mmagic::sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

folder = 'work_dirs/recipes/sagan_lr2e-4-ndisc5-1xb64_cifar10-32x32'
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=50000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=(
                'mmagic::sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_'
                'cifar10-32x32.py'),
            checkpoint=(
                'https://download.openmmlab.com/mmediting/sagan/sagan_cifar10_'
                '32_lr2e-4_ndisc5_b64x1_woReUinplace_fid-iter480000_20210730_'
                '125449-d50568a4.pth')),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

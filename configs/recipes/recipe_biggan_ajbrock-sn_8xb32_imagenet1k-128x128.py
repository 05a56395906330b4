# BigGAN on ImageNet at 128 px: half of the channels, cut out of the trained
# generator, train on, a tenth of the stock run. The image is to stay the one
# that the whole generator makes of the same latents and class. Plan and
# weights are what `mmgancomp prune --target width=0.5` wrote.
_base_ = [
    'mmagic::biggan/biggan_ajbrock-sn_8xb32-1500kiters_imagenet1k-128x128.py'
]

folder = 'work_dirs/recipes/biggan_ajbrock-sn_8xb32_imagenet1k-128x128'
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=150000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=(
                'mmagic::biggan/biggan_ajbrock-sn_8xb32-1500kiters_'
                'imagenet1k-128x128.py'),
            checkpoint=(
                'https://download.openmmlab.com/mmediting/biggan/biggan_'
                'imagenet1k_128x128_b32x8_best_is_iter_1328000_20211111_'
                '122911-28c688bc.pth')),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

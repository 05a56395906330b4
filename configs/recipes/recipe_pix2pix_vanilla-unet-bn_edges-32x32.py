# A small Pix2Pix, edges → gravel, offline: half of the channels, cut out of
# the trained generator, train on. The image is to stay the one that the whole
# generator makes of the same edges. Plan and weights are what `mmgancomp prune
# --target width=0.5` wrote.
_base_ = '../demo/pix2pix_vanilla-unet-bn_edges-32x32.py'

folder = 'work_dirs/recipes/pix2pix_vanilla-unet-bn_edges-32x32'
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'

max_iters = 300
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmgancomp::demo/pix2pix_vanilla-unet-bn_edges-32x32.py',
            checkpoint=(
                'work_dirs/pix2pix_vanilla-unet-bn_edges-32x32/iter_600.pth')),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=100.0))))

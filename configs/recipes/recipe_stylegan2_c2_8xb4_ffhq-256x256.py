# StyleGAN2 on FFHQ at 256 px: half of the channels, cut out of the trained
# generator, train on, a tenth of the stock run. The image is to stay the one
# that the whole generator makes of the same latents and noise. Plan and
# weights are what `mmgancomp prune --target width=0.5` wrote.
_base_ = [
    'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'
]

folder = 'work_dirs/recipes/stylegan2_c2_8xb4_ffhq-256x256'
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=80000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config=(
                'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_'
                'ffhq-256x256.py'),
            checkpoint=(
                'https://download.openmmlab.com/mmediting/stylegan2/stylegan2_'
                'c2_ffhq_256_b4x8_20210407_160709-7890ae1f.pth')),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

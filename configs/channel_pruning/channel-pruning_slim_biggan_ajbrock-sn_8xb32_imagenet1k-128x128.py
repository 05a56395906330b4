# BigGAN on ImageNet at 128 px: what is left of the generator trains on. Plan
# and weights are those that the run which fades channels out, or `mmgancomp
# prune`, wrote.
_base_ = [
    'mmagic::biggan/biggan_ajbrock-sn_8xb32-1500kiters_imagenet1k-128x128.py'
]

folder = (
    'work_dirs/channel-pruning_fade-50_biggan_ajbrock-sn_8xb32_imagenet1k-128x'
    '128')
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
    compression=dict(type='mmgancomp.RunStateHook'))

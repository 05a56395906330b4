# CycleGAN on horse2zebra, both generators alike: what is left of the
# generator trains on. Plan and weights are those that the run which fades
# channels out, or `mmgancomp prune`, wrote.
_base_ = [
    'mmagic::cyclegan/cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

folder = (
    'work_dirs/channel-pruning_fade-50_cyclegan_lsgan-resnet-in_1xb1-270kiters'
    '_horse2zebra')
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=27000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))

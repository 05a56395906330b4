# CycleGAN on horse2zebra, both generators alike: half of the generator's
# parameters fade out, channel by channel, over the first half of a short run
# from trained weights.
_base_ = [
    'mmagic::cyclegan/cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/cyclegan/refactor/cyclegan_lsgan'
    '_resnet_in_1x1_266800_horse2zebra_convert-bgr_20210902_170004-a32c733a.pt'
    'h')
train_cfg = dict(max_iters=27000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    channel_kill=dict(
        type='mmgancomp.ChannelKillHook',
        networks=dict(
            generator=dict(target='params=0.5', begin='start', end=0.5))))

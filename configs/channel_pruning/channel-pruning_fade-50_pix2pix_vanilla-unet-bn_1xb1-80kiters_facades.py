# Pix2Pix on facades: half of the generator's parameters fade out, channel by
# channel, over the first half of a short run from trained weights.
_base_ = [
    'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/pix2pix/refactor/pix2pix_vanilla'
    '_unet_bn_1x1_80k_facades_20210902_170442-c0958d50.pth')
train_cfg = dict(max_iters=8000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    channel_kill=dict(
        type='mmgancomp.ChannelKillHook',
        networks=dict(
            generator=dict(target='params=0.5', begin='start', end=0.5))))

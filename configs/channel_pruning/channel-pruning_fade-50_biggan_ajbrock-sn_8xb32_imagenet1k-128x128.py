# BigGAN on ImageNet at 128 px: half of the generator's parameters fade out,
# channel by channel, over the first half of a short run from trained
# weights.
_base_ = [
    'mmagic::biggan/biggan_ajbrock-sn_8xb32-1500kiters_imagenet1k-128x128.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/biggan/biggan_imagenet1k_128x128'
    '_b32x8_best_is_iter_1328000_20211111_122911-28c688bc.pth')
train_cfg = dict(max_iters=150000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    channel_kill=dict(
        type='mmgancomp.ChannelKillHook',
        networks=dict(
            generator=dict(target='params=0.5', begin='start', end=0.5))))

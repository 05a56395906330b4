# StyleGAN2 on FFHQ at 256 px: half of the generator's parameters fade out,
# channel by channel, over the first half of a short run from trained
# weights.
_base_ = [
    'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/stylegan2/stylegan2_c2_ffhq_256_'
    'b4x8_20210407_160709-7890ae1f.pth')
train_cfg = dict(max_iters=80000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    channel_kill=dict(
        type='mmgancomp.ChannelKillHook',
        networks=dict(
            generator=dict(target='params=0.5', begin='start', end=0.5))))

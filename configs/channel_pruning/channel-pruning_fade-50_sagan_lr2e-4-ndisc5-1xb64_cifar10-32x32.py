# SAGAN on CIFAR-10: half of the generator's parameters fade out, channel by
# channel, over the first half of a short run from trained weights.
_base_ = [
    'mmagic::sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

load_from = (
    'https://download.openmmlab.com/mmediting/sagan/sagan_cifar10_32_lr2e-4_nd'
    'isc5_b64x1_woReUinplace_fid-iter480000_20210730_125449-d50568a4.pth')
train_cfg = dict(max_iters=50000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    channel_kill=dict(
        type='mmgancomp.ChannelKillHook',
        networks=dict(
            generator=dict(target='params=0.5', begin='start', end=0.5))))

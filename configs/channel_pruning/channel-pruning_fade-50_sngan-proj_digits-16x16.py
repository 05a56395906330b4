# The small one, on digits: half of the generator's parameters fade out,
# channel by channel, over the first half of a short run from trained
# weights.
_base_ = '../demo/sngan-proj_digits-16x16.py'

load_from = 'work_dirs/demo/dense/iter_1500.pth'
train_cfg = dict(max_iters=500, val_interval=500)
param_scheduler = dict(begin=250, end=500)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    channel_kill=dict(
        type='mmgancomp.ChannelKillHook',
        networks=dict(
            generator=dict(target='params=0.5', begin='start', end=0.5))))

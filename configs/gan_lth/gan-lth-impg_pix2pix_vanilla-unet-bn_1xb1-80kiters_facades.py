# Lottery tickets of Pix2Pix. Recipe and batch are the stock ones.
_base_ = 'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.LotteryTicketLoop',
    max_iters=80000,
    val_interval=10000,
    rounds=10)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(schedule=dict(type='IMP')))))

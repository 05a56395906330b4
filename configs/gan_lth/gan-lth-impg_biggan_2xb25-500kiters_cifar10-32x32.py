# Lottery tickets of BigGAN. Recipe, batch and EMA are the stock ones.
_base_ = 'mmagic::biggan/biggan_2xb25-500kiters_cifar10-32x32.py'

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.LotteryTicketLoop',
    max_iters=500000,
    val_interval=10000,
    rounds=10)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(schedule=dict(type='IMP')))))

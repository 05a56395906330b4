# Lottery tickets of SNGAN on STL-10, found there. A ticket of CIFAR-10 is
# taken to STL-10 by gan-lth-transfer_….
_base_ = '../_base_/models/sngan_lr2e-4-ndisc5-1xb64_stl10-48x48.py'

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.LotteryTicketLoop',
    max_iters=250240,
    val_interval=16410,
    rounds=10)

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(schedule=dict(type='IMP')))))

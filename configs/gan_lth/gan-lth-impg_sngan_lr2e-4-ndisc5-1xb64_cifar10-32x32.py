# Lottery tickets of SNGAN, the paper's main experiment: ten rounds, each
# removes 20 % of what is left of the generator's convolutions and trains
# again, from the initial weights, for as long as the dense model.
_base_ = '../_base_/models/sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.LotteryTicketLoop',
    max_iters=250240,
    val_interval=15640,
    rounds=10)

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(schedule=dict(type='IMP')))))

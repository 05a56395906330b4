# Lottery tickets on handwritten digits, offline: five rounds of 500
# iterations, a few CPU-minutes.
_base_ = '../demo/sngan-proj_digits-16x16.py'

max_iters = 500
param_scheduler = dict(begin=max_iters // 2, end=max_iters)
train_cfg = dict(
    _delete_=True,
    type='mmgancomp.LotteryTicketLoop',
    max_iters=max_iters,
    val_interval=max_iters,
    rounds=5)

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(schedule=dict(type='IMP')))))

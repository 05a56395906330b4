# Lottery tickets of StyleGAN2. Recipe, batch and EMA are the stock ones;
# modulated convolutions are pruned like the others.
_base_ = 'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.LotteryTicketLoop',
    max_iters=800002,
    val_interval=10000,
    rounds=10)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(schedule=dict(type='IMP')))))

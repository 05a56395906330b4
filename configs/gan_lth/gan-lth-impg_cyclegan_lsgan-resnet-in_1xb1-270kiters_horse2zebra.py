# Lottery tickets of CycleGAN: each of the two generators has its own ranking.
# Stock: Adam 2e-4 (0.5, 0.999), batch 1, buffer of 50 images, no EMA, and
# 270,000 iterations, half of them at a constant rate and half down to 0; that
# is 202 epochs, the paper has 200.
_base_ = [
    'mmagic::cyclegan/'
    'cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

# The paper's weight; the stock config has 0.5.
model = dict(loss_config=dict(id_loss_weight=5.0))

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.LotteryTicketLoop',
    max_iters=270000,
    val_interval=10000,
    rounds=10)

default_hooks = dict(
    checkpoint=dict(
        max_keep_ckpts=1,
        save_best=['FID-horse-to-zebra/fid', 'FID-zebra-to-horse/fid'],
        rule=['less', 'less']),
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(generator=dict(schedule=dict(type='IMP')))))

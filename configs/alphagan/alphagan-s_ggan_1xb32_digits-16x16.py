# Trains what the search on digits has found, or any architecture: 800
# iterations from scratch.
_base_ = '../_base_/models/alphagan_1xb32_digits-16x16.py'

max_iters = 800
model = dict(
    generator=dict(
        genotype='work_dirs/alphagan-s-search_ggan_1xb32_digits-16x16/'
        'genotype.json'))

# The rate falls to a tenth over the second half.
param_scheduler = dict(
    type='LinearLR',
    by_epoch=False,
    start_factor=1.0,
    end_factor=0.1,
    begin=max_iters // 2,
    end=max_iters)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)

# The search on handwritten digits, offline: 600 images train the weights,
# the other 600 the copies and the architecture.
_base_ = '../_base_/models/alphagan_1xb32_digits-16x16.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.SearchableGenerator',
        base_channels=24,
        bottom_width=2,
        out_channels=1))

train_dataloader = dict(dataset=dict(indices=600))
held_out = {**_base_.train_data, 'dataset': {
    **_base_.train_data.dataset, 'indices': -600}}

train_cfg = dict(
    _delete_=True,
    type='mmgancomp.DualityGapSearchLoop',
    architecture_dataloader=held_out,
    epochs=15,
    val_interval=15,
    # The paper's 3e-4 is for 2,000 steps; here there are 300.
    optimizer=dict(
        type='Adam', lr=2e-3, betas=(0.5, 0.999), weight_decay=1e-3))

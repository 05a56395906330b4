# The search of alphaGAN(s) on STL-10, from 6x6 features. As in the authors'
# code it sees the 5,000 labelled images alone: one half for the weights, the
# other, in the order of the folder, for copies and architecture.
_base_ = [
    './alphagan-s-search_ggan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    '../_base_/models/alphagan_stl10-48x48.py'
]

model = _base_.sizes_48

labelled = dict(
    _delete_=True,
    type='BasicImageDataset',
    data_root='data/stl10',
    data_prefix=dict(gt='train'),
    pipeline=_base_.train_data.pipeline)
train_dataloader = dict(dataset=dict(**labelled, indices=2500))
train_cfg = dict(
    architecture_dataloader=dict(dataset=dict(**labelled, indices=-2500)))
val_dataloader = test_dataloader = dict(dataset=_base_.test_data)

metrics = _base_.metrics
metrics[1].inception_pkl = './work_dirs/inception_pkl/stl10-48x48-full.pkl'
val_evaluator = test_evaluator = dict(metrics=metrics)

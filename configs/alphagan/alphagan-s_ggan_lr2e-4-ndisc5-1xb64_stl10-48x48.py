# Trains the published architecture alphaGAN(s) on STL-10, from 6x6 features:
# 80,000 updates of G, Adam's first moment 0.5, training and unlabelled
# images.
_base_ = [
    './alphagan-s_ggan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    '../_base_/models/alphagan_stl10-48x48.py'
]

model = _base_.sizes_48

optim_wrapper = dict(
    generator=dict(optimizer=dict(betas=(0.5, 0.9))),
    discriminator=dict(optimizer=dict(betas=(0.5, 0.9))))

train_dataloader = dict(dataset=_base_.train_data)
val_dataloader = test_dataloader = dict(dataset=_base_.test_data)

train_cfg = dict(max_iters=400000, val_interval=16410)

metrics = _base_.metrics
metrics[1].inception_pkl = './work_dirs/inception_pkl/stl10-48x48-full.pkl'
val_evaluator = test_evaluator = dict(metrics=metrics)

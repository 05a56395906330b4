# Trains the published architecture alphaGAN(s) on STL-10, from 6x6 features:
# 80,000 updates of G, Adam's first moment 0.5, training and unlabelled
# images.
_base_ = [
    './alphagan-s_ggan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    '../_base_/datasets/stl10_48.py'
]

model = dict(
    generator=dict(bottom_width=6),
    # The code's blocks are those for 32 px, whatever the image.
    discriminator=dict(
        input_scale=48,
        channels_cfg=[1, 1, 1],
        downsample_cfg=[True, False, False]))

optim_wrapper = dict(
    generator=dict(optimizer=dict(betas=(0.5, 0.9))),
    discriminator=dict(optimizer=dict(betas=(0.5, 0.9))))

train_dataloader = dict(dataset=_base_.train_data)
val_dataloader = test_dataloader = dict(dataset=_base_.test_data)

train_cfg = dict(max_iters=400000, val_interval=16410)

metrics = _base_.metrics
metrics[1].inception_pkl = './work_dirs/inception_pkl/stl10-48x48-full.pkl'
val_evaluator = test_evaluator = dict(metrics=metrics)

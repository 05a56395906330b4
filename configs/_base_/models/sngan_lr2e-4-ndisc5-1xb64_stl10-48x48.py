# SNGAN on STL-10: the recipe of CIFAR-10 with the networks that the SNGAN
# paper has for 48x48 (https://arxiv.org/abs/1802.05957, table 4): G starts
# from 6x6 with 512 channels, D ends with 1,024.
_base_ = [
    './sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    '../datasets/stl10_48.py'
]

model = dict(
    generator=dict(
        input_scale=6,
        output_scale=48,
        base_channels=64,
        channels_cfg=[8, 4, 2]),
    discriminator=dict(
        input_scale=48,
        base_channels=64,
        channels_cfg=[2, 4, 8, 16],
        downsample_cfg=[True, True, True, False]))

train_dataloader = dict(dataset=_base_.train_data)
val_dataloader = test_dataloader = dict(dataset=_base_.test_data)

# 153 epochs of 1,641 batches: as many updates as on CIFAR-10.
train_cfg = dict(val_interval=16410)

metrics = _base_.metrics
metrics[1].inception_pkl = './work_dirs/inception_pkl/stl10-48x48-full.pkl'
val_evaluator = test_evaluator = dict(metrics=metrics)

# A ticket of CIFAR-10 trains on STL-10, resized to 32x32, for 10,000 updates
# of the generator: its mask and its initial weights, and the discriminator
# that it began with. First run, or download from somebody who did:
#   gan-lth-impg_sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py
_base_ = [
    '../_base_/models/sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py',
    '../_base_/datasets/stl10_32.py'
]

source = (
    'work_dirs/gan-lth-impg_sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32/')
load_from = source + 'snapshots/theta0.pth'

train_dataloader = dict(dataset=_base_.train_data)
val_dataloader = test_dataloader = dict(dataset=_base_.test_data)
train_cfg = dict(max_iters=50000, val_interval=10000)

metrics = _base_.metrics
metrics[1].inception_pkl = './work_dirs/inception_pkl/stl10-32x32-full.pkl'
val_evaluator = test_evaluator = dict(metrics=metrics)

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(
                schedule=dict(
                    type='Fixed',
                    # 32.768 % of the weights.
                    ticket=source + 'round_05/ticket.safetensors',
                    values=True)))))

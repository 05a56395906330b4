# SAGAN on CIFAR-10: what is left of the generator trains on. Plan and
# weights are those that the run which fades channels out, or `mmgancomp
# prune`, wrote.
_base_ = [
    'mmagic::sagan/sagan_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

folder = (
    'work_dirs/channel-pruning_fade-50_sagan_lr2e-4-ndisc5-1xb64_cifar10-32x32')
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=50000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))

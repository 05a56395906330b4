# The small one, on digits: what is left of the generator trains on. Plan and
# weights are those that the run which fades channels out, or `mmgancomp
# prune`, wrote.
_base_ = '../demo/sngan-proj_digits-16x16.py'

folder = 'work_dirs/channel-pruning_fade-50_sngan-proj_digits-16x16'
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=500, val_interval=500)
param_scheduler = dict(begin=250, end=500)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))

# StyleGAN2 on LSUN church at 256 px: what is left of the generator trains
# on. Plan and weights are those that the run which fades channels out, or
# `mmgancomp prune`, wrote.
_base_ = [
    'mmagic::styleganv2/stylegan2_c2_8xb4-800kiters_lsun-church-256x256.py'
]

folder = (
    'work_dirs/channel-pruning_fade-50_stylegan2_c2_8xb4_lsun-church-256x256')
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=80000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))

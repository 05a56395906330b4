# Pix2Pix on facades: what is left of the generator trains on. Plan and
# weights are those that the run which fades channels out, or `mmgancomp
# prune`, wrote.
_base_ = [
    'mmagic::pix2pix/pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'
]

folder = (
    'work_dirs/channel-pruning_fade-50_pix2pix_vanilla-unet-bn_1xb1-80kiters_f'
    'acades')
model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Slimmed',
        part='generator',
        network={{_base_.model.generator}},
        plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'
train_cfg = dict(max_iters=8000)

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    compression=dict(type='mmgancomp.RunStateHook'))

# Half of the dense model's channels are cut out of its generator, those that
# the layers after them weigh least, and what is left trains on, with the same
# teacher. Plan and weights are what the demo, or `mmgancomp prune`, wrote.
_base_ = './half-width-distilled_sngan-proj_digits-16x16.py'

folder = 'work_dirs/demo/half-channels'
model = dict(generator=dict(divisor=None, plan=f'{folder}/plan.json'))
load_from = f'{folder}/slim.pth'

max_iters = 500
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(begin=max_iters // 2, end=max_iters)

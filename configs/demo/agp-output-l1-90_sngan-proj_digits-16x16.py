# AGP as before, and each image is to stay the one that the dense model makes
# of the same noise: ten times the mean distance of the pixels is added to the
# generator's loss.
_base_ = './agp-90_sngan-proj_digits-16x16.py'

default_hooks = dict(
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(checkpoint={{_base_.load_from}}),
        generator=dict(
            image=dict(type='mmgancomp.OutputL1Loss', loss_weight=10.0))))

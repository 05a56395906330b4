# AGP as before, with the loss of Self-Supervised GAN Compression: the
# discriminator is to score the images as it scores the dense model's.
_base_ = './agp-90_sngan-proj_digits-16x16.py'

default_hooks = dict(
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(checkpoint={{_base_.load_from}}),
        generator=dict(
            same=dict(type='mmgancomp.NormalisedConsistencyLoss'))))

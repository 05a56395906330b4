# Pix2Pix's generator, 90 % sparse: nine of ten
# of the weights of each convolution go, by magnitude, over the first half of
# the run. Pruning usually starts from a trained model:
#   --cfg-options load_from=CHECKPOINT
_base_ = [
    'mmagic::pix2pix/'
    'pix2pix_vanilla-unet-bn_1xb1-80kiters_facades.py'
]

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.1, schedule=dict(type='AGP')))))

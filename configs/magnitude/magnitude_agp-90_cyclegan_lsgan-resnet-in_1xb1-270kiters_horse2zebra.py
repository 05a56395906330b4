# Both generators of CycleGAN, 90 % sparse: nine of ten
# of the weights of each convolution go, by magnitude, over the first half of
# the run. Pruning usually starts from a trained model:
#   --cfg-options load_from=CHECKPOINT
_base_ = [
    'mmagic::cyclegan/'
    'cyclegan_lsgan-resnet-in_1xb1-270kiters_horse2zebra.py'
]

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.1, schedule=dict(type='AGP')))))

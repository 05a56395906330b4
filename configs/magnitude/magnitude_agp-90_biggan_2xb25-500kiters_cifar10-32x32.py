# BigGAN's generator, 90 % sparse: nine of ten
# of the weights of each convolution go, by magnitude, over the first half of
# the run. Pruning usually starts from a trained model:
#   --cfg-options load_from=CHECKPOINT
_base_ = [
    'mmagic::biggan/'
    'biggan_2xb25-500kiters_cifar10-32x32.py'
]

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.1, schedule=dict(type='AGP')))))

# StyleGAN2's generator, 90 % sparse: nine of ten
# of the weights of each convolution go, by magnitude, over the first half of
# the run. Pruning usually starts from a trained model:
#   --cfg-options load_from=CHECKPOINT
_base_ = [
    'mmagic::styleganv2/'
    'stylegan2_c2_8xb4-800kiters_ffhq-256x256.py'
]

default_hooks = dict(
    sparsity=dict(
        type='mmgancomp.SparsityHook',
        networks=dict(
            generator=dict(density=0.1, schedule=dict(type='AGP')))))

# The search of alphaGAN(l) on CIFAR-10: in each epoch 390 iterations of the
# weights, about a pass over their half of the images, and as many updates of
# either copy.
_base_ = './alphagan-s-search_ggan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'

train_cfg = dict(variant='l')
default_hooks = dict(checkpoint=dict(interval=5950))

# Trains the published architecture alphaGAN(l) from scratch.
_base_ = './alphagan-s_ggan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'

model = dict(generator=dict(genotype='alphagan_l'))

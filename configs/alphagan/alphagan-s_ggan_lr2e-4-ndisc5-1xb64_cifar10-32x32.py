# Trains the published architecture alphaGAN(s) from scratch: 50,048 updates
# of G, validated every 20 epochs.
_base_ = '../_base_/models/alphagan_1xb64_cifar10-32x32.py'

model = dict(generator=dict(genotype='alphagan_s'))

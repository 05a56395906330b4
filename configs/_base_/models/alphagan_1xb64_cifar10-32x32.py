# alphaGAN's networks on CIFAR-10, for the search and for what is trained of
# it, in the recipe of the authors' code: hinge loss, learning rates of 2e-4
# that stay constant, five updates of D for one of G, EMA 0.999, batches of 64
# for D and of 128 for G.
#
# The discriminator is MMagic's, with the code's four blocks of width 128. The
# model is GGAN: the same hinge loss as SNGAN's, without labels.
_base_ = './sngan_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'

model = dict(
    _delete_=True,
    type='GGAN',
    noise_size=128,
    data_preprocessor=dict(
        type='DataPreprocessor', output_channel_order='BGR'),
    generator=dict(
        type='mmgancomp.DerivedGenerator',
        genotype='alphagan_s',
        base_channels=256,
        bottom_width=4,
        # Xavier for convolutions, as there; the rest is torch's own.
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform')),
    discriminator=dict(
        type='ProjDiscriminator',
        input_scale=32,
        base_channels=128,
        init_cfg=dict(type='BigGAN')),
    discriminator_steps=5,
    ema_config=dict(
        type='ExponentialMovingAverage', momentum=0.001, interval=1))

default_hooks = dict(compression=dict(type='mmgancomp.RunStateHook'))

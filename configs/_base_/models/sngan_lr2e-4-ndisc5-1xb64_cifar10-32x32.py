# SNGAN on CIFAR-10 as GAN Lottery Tickets and STU-GAN train it: MMagic's
# SNGAN-projection without labels, in the recipe of their code. As it stands
# it is the dense baseline of both.
#
# Stock: the networks (width 256 and 128), hinge loss, learning rates of 2e-4
# that stay constant, five updates of D for one of G, flips, batches of 64.
_base_ = [
    'mmagic::sngan_proj/'
    'sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py'
]

# Xavier, gain 1, under its name in MMagic; the stock config's is orthogonal.
init_cfg = dict(type='BigGAN')
model = dict(
    num_classes=0,
    generator=dict(num_classes=0, use_cbn=False, init_cfg=init_cfg),
    discriminator=dict(num_classes=0, init_cfg=init_cfg),
    # β = 0.999; running statistics are those of the raw generator.
    ema_config=dict(
        type='ExponentialMovingAverage', momentum=0.001, interval=1))

optim_wrapper = dict(
    # The papers' batch for G is 128: twice the 64 that the stock class draws.
    generator=dict(
        accumulative_counts=2, optimizer=dict(betas=(0.0, 0.9))),
    discriminator=dict(optimizer=dict(betas=(0.0, 0.9))))

# 320 epochs of 782 batches: 250,240 updates of D and 50,048 of G.
# Validated every 20 epochs.
train_cfg = dict(max_iters=250240, val_interval=15640)

# The stock metrics, of the EMA generator.
metrics = [
    dict(
        type='InceptionScore',
        prefix='IS-50k',
        fake_nums=50000,
        inception_style='StyleGAN',
        sample_model='ema'),
    dict(
        type='FrechetInceptionDistance',
        prefix='FID-Full-50k',
        fake_nums=50000,
        inception_style='StyleGAN',
        inception_pkl='./work_dirs/inception_pkl/cifar10-full.pkl',
        sample_model='ema')
]
val_evaluator = test_evaluator = dict(metrics=metrics)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))

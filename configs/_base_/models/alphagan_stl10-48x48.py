# alphaGAN's networks for images of 48x48: generators start from 6x6, and the
# discriminator has the code's blocks for 32 px, whatever the image.
#
# As in the data's file, the name below is not that of a runner:
#   model = _base_.sizes_48
_base_ = '../datasets/stl10_48.py'

sizes_48 = dict(
    generator=dict(bottom_width=6),
    discriminator=dict(
        input_scale=48,
        channels_cfg=[1, 1, 1],
        downsample_cfg=[True, False, False]))

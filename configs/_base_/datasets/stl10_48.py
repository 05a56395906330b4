# STL-10, resized to 48x48: the 5,000 training and the 100,000 unlabelled
# images, as PNG files in data/stl10/train and data/stl10/unlabeled. How to
# get them: configs/gan_lth/README.md.
#
# The stock models ask for a label even where they don't use it; here it is
# the number of the folder.
#
# The names below are not those of a runner, so that this file can stand
# beside a stock config in `_base_`. Use them like this:
#   train_dataloader = dict(dataset=_base_.train_data)
#   val_dataloader = test_dataloader = dict(dataset=_base_.test_data)
stl10_load = [
    dict(type='LoadImageFromFile', key='gt'),
    # Pillow filters when it makes an image smaller.
    dict(type='Resize', keys='gt', scale=(48, 48), backend='pillow')
]

train_data = dict(
    _delete_=True,
    type='BasicConditionalDataset',
    data_root='data/stl10',
    pipeline=[
        *stl10_load,
        dict(type='Flip', keys=['gt'], flip_ratio=0.5, direction='horizontal'),
        dict(type='PackInputs')
    ])

test_data = dict(
    _delete_=True,
    type='BasicConditionalDataset',
    data_root='data/stl10',
    pipeline=[*stl10_load, dict(type='PackInputs')])

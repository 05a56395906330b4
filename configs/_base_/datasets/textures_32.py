# Unpaired 32x32 crops of a brick wall and of gravel, for CycleGAN.
#
# The domains carry the names of the stock config: `photo` is the brick wall,
# `mask` the gravel. Three equal channels, as the stock networks want them.
# How to use these names is said in digits_16.py.
_textures = dict(
    type='mmgancomp.TexturesDataset',
    size=32,
    channels=3,
    photo_a='brick',
    photo_b='gravel',
    domain_a='photo',
    domain_b='mask')
_texture_keys = ['img_photo', 'img_mask']
_texture_pack = dict(
    type='PackInputs', keys=_texture_keys, data_keys=_texture_keys)

train_data = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **_textures,
        split='train',
        pipeline=[
            dict(type='Flip', keys=['img_photo'], direction='horizontal'),
            dict(type='Flip', keys=['img_mask'], direction='horizontal'),
            _texture_pack
        ]))

test_data = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**_textures, split='test', pipeline=[_texture_pack]))

test_metrics = dict(
    type='Evaluator',
    metrics=[
        dict(
            type='mmgancomp.TextureShare',
            photos=dict(photo='brick', mask='gravel'))
    ])

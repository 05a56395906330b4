# Pairs of soft edges and gravel, 32x32, for Pix2Pix.
#
# The domains carry the names of the stock config: the model turns `mask`,
# the edges, into `photo`, the gravel. Three equal channels, as the stock
# networks want them. How to use these names is said in digits_16.py.
_edges = dict(
    type='mmgancomp.EdgesDataset',
    size=32,
    channels=3,
    photo='gravel',
    source_domain='mask',
    target_domain='photo')
_edge_keys = ['img_photo', 'img_mask']
_edge_pack = dict(type='PackInputs', keys=_edge_keys, data_keys=_edge_keys)

train_data = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **_edges,
        split='train',
        pipeline=[
            # one Flip over both keys: a pair is flipped together
            dict(type='Flip', keys=_edge_keys, direction='horizontal'),
            _edge_pack
        ]))

test_data = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**_edges, split='test', pipeline=[_edge_pack]))

test_metrics = dict(
    type='Evaluator',
    metrics=[
        dict(type='mmgancomp.TranslatedPSNR', domain='photo', prefix='edges'),
        dict(type='mmgancomp.TranslatedSSIM', domain='photo', prefix='edges')
    ])

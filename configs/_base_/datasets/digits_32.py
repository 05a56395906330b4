# Handwritten digits, 32x32, labelled: for conditional and unconditional GANs.
#
# The names below are not those of a runner, so that this file can stand
# beside a stock config in `_base_`. Use them like this:
#   train_dataloader = dict(_delete_=True, **_base_.train_data)
#   val_dataloader = dict(_delete_=True, **_base_.test_data)
#   val_evaluator = dict(_delete_=True, **_base_.test_metrics)
digits_size = 32

train_data = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmgancomp.DigitsDataset',
        split='train',
        size=digits_size,
        channels=1,
        pipeline=[dict(type='PackInputs')]))

test_data = dict(
    batch_size=200,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmgancomp.DigitsDataset',
        split='test',
        size=digits_size,
        channels=1,
        pipeline=[dict(type='PackInputs')]))

test_metrics = dict(
    type='Evaluator',
    metrics=[dict(type='mmgancomp.DigitsFID', size=digits_size)])

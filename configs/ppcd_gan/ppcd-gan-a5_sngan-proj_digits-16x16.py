# PPCD-GAN on handwritten digits, offline. The teacher is the dense model of
# the demo, whose checkpoint `make demo` leaves. The student is trained from
# scratch; in 1,500 updates its gates need a larger rate to arrive.
_base_ = '../demo/sngan-proj_digits-16x16.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmgancomp.Gated',
        part='generator',
        network={{_base_.model.generator}}))

optim_wrapper = dict(
    constructor='mmgancomp.CompressionOptimWrapperConstructor')

default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    gates=dict(
        type='mmgancomp.GateHook',
        alpha=0.5,
        optimizer=dict(type='SGD', lr=0.4)),
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmgancomp::demo/sngan-proj_digits-16x16.py',
            checkpoint='work_dirs/demo/dense/iter_1500.pth'),
        generator=dict(
            attention=dict(
                type='mmgancomp.AttentionMapLoss',
                layers=['block1', 'block2']))))

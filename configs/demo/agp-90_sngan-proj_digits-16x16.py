# AGP: sparsity grows from 5 % to 90 % over the first half of 500 updates.
_base_ = './oneshot-finetuned-90_sngan-proj_digits-16x16.py'

default_hooks = dict(
    sparsity=dict(
        networks=dict(generator=dict(schedule=dict(type='AGP', interval=10)))))

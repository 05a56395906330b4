# DGL-GAN on StyleGAN2, half width, both stages in one run: 15,000 kimg
# without and 65,000 kimg with the teacher; that is kimg * 1000 / 32
# iterations. An eighth of the width has a shorter second stage:
# train_cfg.max_iters=1875000.
_base_ = './dgl-gan-w2-stage1_stylegan2_c2_8xb4_ffhq-1024x1024.py'

train_cfg = dict(max_iters=2500000)

default_hooks = dict(
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmagic::styleganv2/stylegan2_c2_8xb4_ffhq-1024x1024.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/stylegan2/'
                'stylegan2_c2_ffhq_1024_b4x8_20210407_150045-618c9024.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))),
    stages=dict(
        type='mmgancomp.StageHook',
        stages=[
            dict(until=468750, weights=dict(guide=0.0)),
            dict(weights=dict(guide=0.1), reset_optimizers=True)
        ]))
